//! Containers with limits.

use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::docker;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;

fn shows(cluster: &Cluster, pod: &str, parameter: &str, value: &str) -> Result<()> {
    let shown = cluster.sql(pod, &format!("show {parameter}"))?;
    ensure!(shown == value, "{pod}: {parameter} is {shown}, not {value}");
    Ok(())
}

/// A replica may have less memory than its primary; a limit that changes is followed at the next start.
pub(crate) fn become_parameters(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings {
        segments: 1,
        mirrors: false,
        parameters: vec![("work_mem".into(), "2MB".into())],
        ..Settings::default()
    })?;
    let (primary, standby) = (cluster.pod("coordinator-0"), cluster.pod("coordinator-1"));
    let segment = cluster.pod("segment-a-0");
    cluster.create(primary, &["--memory=1g", "--cpus=1.5"])?;
    cluster.create(standby, &["--memory=256m", "--cpus=0.5"])?;
    cluster.create(segment, &[])?;
    cluster.wait_all_ready()?;
    shows(&cluster, primary, "shared_buffers", "256MB")?;
    shows(&cluster, primary, "max_parallel_workers", "2")?;
    shows(&cluster, standby, "shared_buffers", "38MB")?;
    shows(&cluster, standby, "maintenance_work_mem", "16MB")?;
    shows(&cluster, segment, "shared_buffers", "128MB")?;
    let explained = cluster.exec(primary, &["gp-agent", "check", "limits"])?;
    ensure!(
        explained.contains("shared_buffers = 256MB: 25 % of the memory limit of 1024 MiB")
            && explained.contains("work_mem = 2MB: set by `parameters`"),
        "{explained}"
    );
    let update = ["update", "--memory=512m", "--memory-swap=512m"];
    docker::docker(&[&update[..], &[&cluster.container(primary)]].concat())?;
    cluster.container_do(&["restart", "--time", "60"], primary)?;
    cluster.wait_all_ready()?;
    shows(&cluster, primary, "shared_buffers", "76MB")
}
