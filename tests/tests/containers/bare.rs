//! The binary in a root with no C library at all: what runs there runs on any base image.

use anyhow::{Context, Result, bail, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::docker;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use std::fs::{Permissions, create_dir_all, set_permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// An image of busybox (Debian's busybox-static) and gp-agent; removed at the end.
struct Image(String);

impl Drop for Image {
    fn drop(&mut self) {
        let _ = docker::output(&["image", "rm", "--force", &self.0]);
    }
}

impl Image {
    #[expect(clippy::disallowed_methods, reason = "nothing here runs the copy")]
    fn make(name: String) -> Result<Image> {
        let root = tempfile::tempdir()?;
        let at = |path: &str| root.path().join(path);
        for dir in ["bin", "etc", "greenplum", "home/gpadmin", "run/gp-agent", "tmp"] {
            create_dir_all(at(dir))?;
            set_permissions(at(dir), Permissions::from_mode(0o755))?;
        }
        set_permissions(root.path(), Permissions::from_mode(0o755))?;
        std::fs::copy(busybox()?, at("bin/busybox"))?;
        for applet in ["sh", "ps", "sleep", "find"] {
            symlink("busybox", at("bin").join(applet))?;
        }
        let account = "gpadmin:x:1000:1000::/home/gpadmin:/bin/sh\n";
        std::fs::write(at("etc/passwd"), account)?;
        copy_agent(&docker::image(), &at("bin/gp-agent"))?;
        let image = Image(name);
        image.import(root.path())?;
        Ok(image)
    }

    fn import(&self, root: &Path) -> Result<()> {
        let mut tar = Command::new("tar");
        let owner = ["--owner=1000", "--group=1000", "-c", "."];
        let tar = tar.arg("-C").arg(root).args(owner).stdout(Stdio::piped());
        let mut packed = tar.spawn().context("cannot run tar")?;
        let entrypoint = r#"ENTRYPOINT ["gp-agent", "init"]"#;
        let changes = ["--change", "USER 1000", "--change", "ENV PATH=/bin", "--change"];
        let args = [&["import"][..], &changes, &[entrypoint, "-", &self.0]].concat();
        let from = packed.stdout.take().context("no output of tar")?;
        let imported = docker::command(&args).stdin(from).output()?;
        ensure!(packed.wait()?.success() && imported.status.success(), "{imported:?}");
        Ok(())
    }
}

fn busybox() -> Result<&'static str> {
    let places = ["/bin/busybox", "/usr/bin/busybox"];
    let found = places.into_iter().find(|path| Path::new(path).exists());
    found.context("no busybox here; tests/run installs busybox-static")
}

fn copy_agent(from: &str, to: &Path) -> Result<()> {
    let container = docker::docker(&["create", from])?;
    let inside = format!("{container}:/usr/local/bin/gp-agent");
    let copied = docker::docker(&["cp", &inside, &to.display().to_string()]);
    docker::docker(&["rm", &container])?;
    copied.map(drop)
}

pub(crate) fn needs_nothing(_: &Shared) -> Result<()> {
    let image = Image::make(format!("gp-agent-tests:bare-{}", std::process::id()))?;
    let cluster = Cluster::new(Settings::default())?;
    let pod = cluster.pod("coordinator-0");
    cluster.create_from(&image.0, pod, &[])?;
    let libraries = cluster.exec(pod, &["find", "/", "-xdev", "-name", "*.so*"])?;
    ensure!(libraries.is_empty(), "there are libraries: {libraries}");
    // All is there but the database.
    let status = cluster.wait_status(pod, "misses PostgreSQL", |s| s["phase"] == "refused")?;
    ensure!(
        status["reason"].to_string().contains("no `postgres` in PATH"),
        "{status}"
    );
    ensure!(status["storage"][0]["durable"] == true, "{status}");
    cluster.exec(pod, &["gp-agent", "probe", "live"])?;
    let help = cluster.exec(pod, &["gp-agent", "--help"])?;
    ensure!(help.contains("init"), "{help}");
    let config = cluster.exec(pod, &["gp-agent", "check", "config"])?;
    ensure!(config.contains("the coordinator of cluster"), "{config}");
    reaps(&cluster, pod)?;
    cluster.container_do(&["stop", "--time", "40"], pod)?;
    let code = cluster.inspect(pod, "{{.State.ExitCode}}")?;
    ensure!(code == "0", "ended with {code}:\n{}", cluster.logs(pod));
    Ok(())
}

/// Orphans for init, half of them dead already.
fn reaps(cluster: &Cluster, pod: &str) -> Result<()> {
    let orphans = "i=0; while [ $i -lt 500 ]; do (sleep 0 & sleep 0.1 &); i=$((i+1)); done";
    cluster.exec(pod, &["sh", "-c", orphans])?;
    wait::until("no zombie, no orphan", || {
        let processes = cluster.exec(pod, &["ps", "-o", "stat,comm"])?;
        if let Some(left) = processes.lines().find(|p| p.starts_with('Z') || p.contains("sleep")) {
            bail!("{left}");
        }
        Ok(())
    })
}
