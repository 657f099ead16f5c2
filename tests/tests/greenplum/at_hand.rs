//! What an administrator calls in a pod without any preparation.

use crate::support::coordinator;
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;

/// Ways to call `gpstate -e`.
const GPSTATE: [&[&str]; 5] = [
    &["gpstate", "-e"],
    &["sh", "-c", "gpstate -e"],
    &["bash", "-c", "gpstate -e"],
    &["bash", "-lc", "gpstate -e"],
    &["bash", "-ic", "gpstate -e"],
];

/// What greenplum_path.sh sets, and what can break programs that are not Greenplum's.
const OF_THE_SCRIPT: &str = "echo ${LD_LIBRARY_PATH-none} ${PYTHONPATH-none} ${PYTHONHOME-none}";

pub(crate) fn tools(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        for way in GPSTATE {
            let said = cluster.exec(head, way)?;
            ensure!(said.contains("All segments are running normally"), "{way:?}: {said}");
        }
        let rows = cluster.exec(
            head,
            &["psql", "-XAtc", "select count(*) from gp_segment_configuration"],
        )?;
        ensure!(rows == "6", "psql: {rows}");
        let standby = cluster.exec(head, &["gpstate", "-f"])?;
        ensure!(standby.contains("coordinator-1"), "gpstate -f: {standby}");
        let catalog = cluster.exec(head, &["gpcheckcat", "postgres"])?;
        ensure!(catalog.contains("Found no catalog issue"), "gpcheckcat: {catalog}");
        Ok(())
    })
}

pub(crate) fn shells(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for (short, dir) in [
            ("coordinator-0", "/greenplum/gpseg-1"),
            ("coordinator-1", "/greenplum/gpseg-1"),
            ("segment-a-0", ""),
        ] {
            let pod = cluster.pod(short);
            for way in ["-lc", "-ic"] {
                let known = cluster.exec(
                    pod,
                    &["bash", way, "echo $USER $LOGNAME $PGPORT $MASTER_DATA_DIRECTORY"],
                )?;
                let port = cluster.port(pod)?;
                ensure!(
                    known == format!("gpadmin gpadmin {port} {dir}").trim_end(),
                    "bash {way} in {short}: {known}"
                );
                let others = cluster.exec(pod, &["bash", way, OF_THE_SCRIPT])?;
                ensure!(others == "none none none", "bash {way} in {short}: {others}");
            }
            let home = cluster.exec(pod, &["bash", "-lc", "ls $GPHOME/bin/gpstate"])?;
            ensure!(home.ends_with("/bin/gpstate"), "{home}");
        }
        postmasters_are_the_tools_own_kind(cluster)
    })
}

/// The tools find a postmaster by `postgres -D <dir>` in its command line, whatever started it.
fn postmasters_are_the_tools_own_kind(cluster: &Cluster) -> Result<()> {
    let head = coordinator(cluster);
    let list = cluster.exec(head, &["ps", "-eo", "args"])?;
    let line = list
        .lines()
        .find(|line| line.contains("postgres -D /greenplum/gpseg-1"));
    let program = line
        .with_context(|| list.clone())?
        .split(' ')
        .next()
        .unwrap_or_default();
    ensure!(
        program.ends_with("/bin/postgres") && !program.starts_with("/run/"),
        "{program}"
    );
    Ok(())
}
