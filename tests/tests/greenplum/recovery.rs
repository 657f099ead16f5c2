//! Segments that come back without anybody: what the coordinator's agent does about those that FTS has marked down.

use crate::support::{check, coordinator, fill, one_pair, probe_seldom};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;
use cluster_tests::wait;

const MANUAL: &str = "recovery: { segments: manual }";
const AUTO: &str = "recovery: { segments: auto }";

/// With recovery that needs nobody, in a cluster whose other tests do it by hand.
fn healing(shared: &Shared, test: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
    shared.with(|cluster| {
        follows(cluster, MANUAL, AUTO)?;
        test(cluster)?;
        follows(cluster, AUTO, MANUAL)
    })
}

/// Changes cluster.yaml, and waits until the coordinator's agent goes by it.
fn follows(cluster: &Cluster, from: &str, to: &str) -> Result<()> {
    cluster.edit_configuration(|text| text.replace(from, to))?;
    let word = if to == AUTO { "auto" } else { "manual" };
    let head = coordinator(cluster);
    cluster
        .wait_status(head, word, |s| s["recovery"]["segments"] == word)
        .map(drop)
}

/// Waits until FTS has every segment up and in sync, in whatever role, and no pod is left out. `head` is the coordinator.
pub(crate) fn whole(cluster: &Cluster, head: &str) -> Result<()> {
    wait::until("every segment up and in sync", || {
        let catalog = cluster.catalog(head)?;
        let well = |row: &str| row.starts_with("-1|") || row.ends_with("|s|u");
        ensure!(catalog.lines().all(well), "{catalog}");
        Ok(())
    })?;
    cluster.wait_all_ready()
}

/// How many segments the coordinator's agent says that it has brought back.
fn recovered(cluster: &Cluster) -> Result<u64> {
    let status = cluster.status(coordinator(cluster))?;
    status["recovery"]["counts"]["recovered"].as_u64().context("no count")
}

fn lose_primary<'a>(cluster: &'a Cluster, old: &str, new: &str) -> Result<&'a str> {
    let old = cluster.pod(old);
    cluster.container_do(&["kill"], old)?;
    cluster.wait_status(cluster.pod(new), "takes over", |s| s["activeRole"] == "primary")?;
    Ok(old)
}

/// Waits until `gp-agent rebalance` in the coordinator's pod ends with this code and says these words.
fn rebalance(cluster: &Cluster, code: i32, words: &str) -> Result<()> {
    wait::until(words, || {
        let said = cluster.try_exec(coordinator(cluster), &["gp-agent", "rebalance"])?;
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        ensure!(said.status.code() == Some(code) && text.contains(words), "{text}");
        Ok(())
    })
}

/// After the third change of its primary a content waits for a person, who is told what to look at and what to do.
pub(crate) fn restless(shared: &Shared) -> Result<()> {
    healing(shared, |cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "restless")?;
        let (made, mirror) = ("segment-a-1", "segment-b-1");
        for (turn, (old, new)) in [(made, mirror), (mirror, made), (made, mirror)].into_iter().enumerate() {
            let old = lose_primary(cluster, old, new)?;
            cluster.container_do(&["start"], old)?;
            if turn < 2 {
                whole(cluster, head)?;
            }
        }
        let lost = cluster.pod(made);
        let remedy = format!("gp-agent recover {lost}");
        let told = |s: &serde_json::Value| {
            let down = &s["recovery"]["down"][0];
            down["obstacle"].to_string().contains("changed 3 times") && down["remedy"].to_string().contains(&remedy)
        };
        cluster.wait_status(head, "says why it waits for a person", told)?;
        wait::until("brought back when asked", || {
            cluster.exec(head, &["gp-agent", "recover", lost])
        })?;
        whole(cluster, head)?;
        rebalance(cluster, 0, "sessions that use content 1 are cancelled")?;
        cluster.wait_in_place(head)?;
        check(cluster, head, "restless")?;
        cluster.sql(head, "drop table restless").map(drop)
    })
}

/// Roles are put back when somebody says so, not before all is whole, and not while a backup runs.
pub(crate) fn roles_put_back(shared: &Shared) -> Result<()> {
    healing(shared, |cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "turned")?;
        let counts = |s: &serde_json::Value| s["recovery"]["roles"]["counts"]["rebalanced"].as_u64();
        let before = counts(&cluster.status(head)?).context("no count")?;
        rebalance(cluster, 1, "in the role that it was made for")?;
        let old = lose_primary(cluster, "segment-a-0", "segment-b-0")?;
        let new = cluster.pod("segment-b-0");
        let swapped = |s: &serde_json::Value| s["recovery"]["roles"]["swapped"][0]["pod"] == new;
        cluster.wait_status(head, "says who is out of place", swapped)?;
        rebalance(cluster, 1, "is not up")?;
        cluster.container_do(&["start"], old)?;
        whole(cluster, coordinator(cluster))?;
        let by_hand = "gp-agent rebalance in the active coordinator's pod puts it back";
        let named = |s: &serde_json::Value| s["findings"].to_string().contains(by_hand);
        cluster.wait_status(head, "names the command", named)?;
        let sleeps = "PGAPPNAME=gpbackup_2026 psql -Xqc 'select pg_sleep(3600)' postgres";
        cluster.spawn(head, &["bash", "-c", sleeps])?;
        wait::until("the backup's session", || {
            let sessions = "select count(*) from pg_stat_activity where application_name = 'gpbackup_2026'";
            ensure!(cluster.sql(head, sessions)? == "1", "there is none");
            Ok(())
        })?;
        rebalance(cluster, 1, "gpbackup_2026 is at work")?;
        let end =
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'gpbackup_2026'";
        ensure!(cluster.sql(head, end)? == "1", "the backup's session");
        rebalance(cluster, 0, "sessions that use content 0 are cancelled")?;
        let done = |s: &serde_json::Value| {
            let roles = &s["recovery"]["roles"];
            roles["last"]["rebalanced"] == true && counts(s) == Some(before + 1) && roles["activity"].is_null()
        };
        cluster.wait_status(head, "says what it did", done)?;
        whole(cluster, coordinator(cluster))?;
        cluster.wait_in_place(head)?;
        let kept = cluster.exec(head, &["cat", "/greenplum/.gp-agent/rebalances"])?;
        ensure!(kept.contains("recovered"), "{kept}");
        let said = cluster.try_exec(head, &["gp-agent", "status"])?;
        let table = String::from_utf8_lossy(&said.stdout).into_owned();
        ensure!(table.contains("roles were put back"), "{table}");
        check(cluster, head, "turned")?;
        cluster.sql(head, "drop table turned").map(drop)
    })
}

fn to_their_places(cluster: &Cluster) -> Result<()> {
    rebalance(cluster, 0, "sessions that use content 0 are cancelled")?;
    whole(cluster, coordinator(cluster))?;
    cluster.wait_in_place(coordinator(cluster))
}

/// What a gprecoverseg leaves that was killed: every later one takes it for a run that goes on.
fn lock_of_a_killed_tool(cluster: &Cluster, head: &str) -> Result<&'static str> {
    const LOCK: &str = "/greenplum/gpseg-1/gprecoverseg.lock";
    let leave = format!("mkdir {LOCK} && echo -n 999999 >{LOCK}/PID");
    cluster.exec(head, &["bash", "-c", &leave])?;
    Ok(LOCK)
}

/// In a cluster of its own, since others count how often a primary changes. The tool has stopped the acting primary, and dies before it starts it again as the mirror.
pub(crate) fn killed_rebalance(_: &Shared) -> Result<()> {
    const KILL: &str = "for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline | grep -q 'gprecoverse[g] .*-r'; then \
        kill -9 ${p#/proc/} && echo killed; fi; done 2>/dev/null; true";
    let mut settings = one_pair();
    probe_seldom(&mut settings);
    let cluster = &Cluster::new(settings)?;
    cluster.edit_configuration(|text| text.replace(MANUAL, AUTO))?;
    let head = coordinator(cluster);
    cluster.create_all()?;
    cluster.wait_all_ready()?;
    cluster.switch_on("probe_interval", "3600")?;
    fill(cluster, head, "stopped")?;
    let old = lose_primary(cluster, "segment-a-0", "segment-b-0")?;
    cluster.container_do(&["start"], old)?;
    whole(cluster, head)?;
    cluster.switch_on("pause-recovery", "")?;
    rebalance(cluster, 0, "sessions that use content 0 are cancelled")?;
    let acting = cluster.pod("segment-b-0");
    cluster.wait_status(acting, "stopped by the tool", |s| s["phase"] == "stopped")?;
    let killed = cluster.exec(head, &["bash", "-c", KILL])?;
    ensure!(killed.contains("killed"), "no tool was there to be killed");
    cluster.switch_off("pause-recovery")?;
    let failed = |s: &serde_json::Value| s["recovery"]["roles"]["last"]["rebalanced"] == false;
    cluster.wait_status(head, "does not call that a success", failed)?;
    whole(cluster, head)?;
    cluster.wait_in_place(head)?;
    let brought_back = |s: &serde_json::Value| s["recovery"]["last"]["recovered"].to_string().contains(acting);
    cluster.wait_status(head, "says that it brought it back", brought_back)?;
    check(cluster, head, "stopped")
}

pub(crate) fn lost_primary(shared: &Shared) -> Result<()> {
    healing(shared, |cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "healed")?;
        let before = recovered(cluster)?;
        let lock = lock_of_a_killed_tool(cluster, head)?;
        let old = lose_primary(cluster, "segment-a-0", "segment-b-0")?;
        let silent = |s: &serde_json::Value| s["recovery"]["down"].to_string().contains("does not answer");
        cluster.wait_status(head, "says what it waits for", silent)?;
        cluster.container_do(&["start"], old)?;
        whole(cluster, coordinator(cluster))?;
        let done = |s: &serde_json::Value| s["recovery"]["last"]["recovered"].to_string().contains(old);
        let status = cluster.wait_status(head, "says what it did", done)?;
        ensure!(recovered(cluster)? == before + 1, "{status}");
        ensure!(
            !cluster.try_exec(head, &["ls", lock])?.status.success(),
            "{lock} is there"
        );
        let said = cluster.try_exec(head, &["gp-agent", "status"])?;
        let table = String::from_utf8_lossy(&said.stdout).into_owned();
        ensure!(
            table.contains("incremental recovery") && table.contains("came back"),
            "{table}"
        );
        check(cluster, head, "healed")?;
        to_their_places(cluster)?;
        check(cluster, head, "healed")?;
        cluster.sql(head, "drop table healed").map(drop)
    })
}

pub(crate) fn lost_volume_of_a_mirror(shared: &Shared) -> Result<()> {
    healing(shared, |cluster| {
        let (head, mirror) = (coordinator(cluster), cluster.pod("segment-b-1"));
        cluster.lose_volume(mirror)?;
        cluster.create(mirror, &[])?;
        let done = |s: &serde_json::Value| {
            let last = &s["recovery"]["last"];
            last["method"] == "full" && last["recovered"].to_string().contains(mirror)
        };
        cluster.wait_status(head, "copied by itself", done)?;
        whole(cluster, coordinator(cluster))
    })
}
