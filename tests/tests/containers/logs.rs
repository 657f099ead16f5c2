//! The log as JSON.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;
use std::collections::BTreeSet;
use std::thread;

const LINES: u32 = 20_000;

/// The server logs while its agent is killed three times.
pub(crate) fn none_lost_with_the_agent(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings {
        standby: false,
        segments: 1,
        mirrors: false,
        ..Settings::default()
    })?;
    for pod in &cluster.pods {
        cluster.create(pod, &["--env=GP_AGENT_LOG_FORMAT=json"])?;
    }
    cluster.wait_all_ready()?;
    let pod = cluster.pod("segment-a-0");
    let query =
        format!("do $$ begin for i in 1..{LINES} loop raise log 'n=%', i; perform pg_sleep(0.0002); end loop; end $$");
    thread::scope(|scope| {
        let load = scope.spawn(|| cluster.sql(pod, &query));
        for kill in 1..=3 {
            let wanted = kill * 3000;
            wait::until("the load", || {
                let seen = numbers(&cluster.logs(pod))?.len();
                ensure!(seen > wanted, "{seen} lines");
                Ok(())
            })?;
            let restarts = cluster.status(pod)?["agentRestarts"].as_u64();
            cluster.signal(pod, "KILL", cluster.agent_pid(pod)?)?;
            cluster.wait_status(pod, "the next agent", |s| {
                s["agentRestarts"].as_u64() > restarts && s["postmaster"]["adopted"] == true
            })?;
        }
        load.join().map_err(|_| anyhow::anyhow!("the load panicked"))?
    })?;
    wait::until("every line", || {
        let seen = numbers(&cluster.logs(pod))?;
        let missing: Vec<u32> = (1..=LINES).filter(|n| !seen.contains(n)).collect();
        ensure!(missing.is_empty(), "lost: {missing:?}");
        Ok(())
    })
}

/// Every line is a record; the numbers that the load wrote.
fn numbers(log: &str) -> Result<BTreeSet<u32>> {
    let mut seen = BTreeSet::new();
    // Docker may be in the middle of the last line.
    let whole = log.rfind('\n').and_then(|end| log.get(..end)).unwrap_or_default();
    for line in whole.lines() {
        let record: Value = serde_json::from_str(line).with_context(|| format!("torn: {line}"))?;
        let message = record["message"].as_str().context("no message")?;
        let Some(number) = message.strip_prefix("n=") else {
            continue;
        };
        ensure!(record["level"] == "info" && record["fields"]["severity"] == "LOG");
        ensure!(record["fields"]["user"] == "gpadmin", "{record}");
        ensure!(record["fields"]["statement"].is_null() || record["fields"]["context"].is_string());
        seen.insert(number.parse()?);
    }
    Ok(seen)
}
