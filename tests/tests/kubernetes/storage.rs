//! The first of the bugs that this project was made for: a volume that is no disk.

use crate::shared::Shared;
use anyhow::{Result, ensure};
use cluster_tests::kube::Release;
use serde_json::{Value, json};

/// A coordinator and a primary on volumes of these classes.
fn two_pods(coordinator: &str, primary: &str, require: &str) -> Value {
    json!({
        "coordinator": { "standby": false, "storage": { "storageClass": coordinator } },
        "segments": { "count": 1 }, "mirrors": { "enabled": false },
        "primaries": { "storage": { "storageClass": primary } },
        // A ramfs says that it has no room at all.
        "storage": { "require": require, "minFreeMib": 0 },
    })
}

/// What FTS does every minute to prove that the disk works (ftsmessagehandler.c).
const AS_FTS_DOES: &str =
    "dd if=/dev/zero of=\"$(ls -d /greenplum/gpseg*)/fts_probe_file.bak\" bs=32k count=1 oflag=direct";

pub(crate) fn in_memory(_: &Shared) -> Result<()> {
    let refusing = Release::install(two_pods("tmpfs", "ramfs", "durable"))?;
    let careless = Release::install(two_pods("tmpfs", "ramfs", "any"))?;
    for (pod, kind) in [("coordinator-0", "tmpfs"), ("segment-a-0", "ramfs")] {
        let refused = |s: &Value| s["phase"] == "refused" && s["reason"].to_string().contains(kind);
        refusing.wait_status(pod, &format!("refused for a {kind}"), refused)?;
        let made = refusing.exec(pod, &["ls", "/greenplum"])?;
        ensure!(!made.contains("gpseg"), "a database was made: {made}");
        let server = refusing.try_exec(pod, &["pgrep", "-x", "postgres"])?;
        ensure!(!server.status.success(), "a server runs: {server:?}");
        // Refused, not dead: the pod stays, for the administrator to see why.
        let live = refusing.exec(pod, &["gp-agent", "probe", "live"]);
        ensure!(live.is_ok() && refusing.restarts(pod)? == 0, "{live:?}");
    }
    // Without the refusal there is a database on each, and nobody has complained.
    for (pod, kind) in [("coordinator-0", "tmpfs"), ("segment-a-0", "ramfs")] {
        careless.wait_ready(pod)?;
        careless.sql(pod, "create table gone_with_the_power (id int)")?;
        let found = careless.exec(pod, &["stat", "--file-system", "--format=%T", "/greenplum"])?;
        ensure!(found == kind, "the volume of {pod} is a {found}");
        ensure!(careless.status(pod)?["storage"][0]["durable"] == false);
    }
    let direct = careless.try_exec("segment-a-0", &["bash", "-c", AS_FTS_DOES])?;
    let words = String::from_utf8_lossy(&direct.stderr).into_owned();
    ensure!(
        !direct.status.success() && words.contains("Invalid argument"),
        "FTS would not fail this primary over: {words}"
    );
    Ok(())
}
