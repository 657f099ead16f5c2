//! The release that most tests share: coordinator, standby, two primaries with mirrors.

use anyhow::{Context, Result, bail, ensure};
use cluster_tests::kube::Release;
use cluster_tests::wait;
use serde_json::json;
use std::sync::{Mutex, PoisonError};

/// The pairs of the shared release as they were made. The first one changes places: see [`pairs`].
pub(crate) const PAIRS: [(&str, &str); 3] = [
    ("coordinator-0", "coordinator-1"),
    ("segment-a-0", "segment-b-0"),
    ("segment-a-1", "segment-b-1"),
];

/// Made when the first test asks for it. Its servers ask DNS alone: several tests are about what DNS says.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Option<Result<Release, String>>>);

impl Shared {
    /// Hands the release over with every pod ready and every pair replicating.
    pub(crate) fn with(&self, test: impl FnOnce(&Release) -> Result<()>) -> Result<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = slot
            .get_or_insert_with(|| Release::up(json!({ "names": { "hosts": "off" } })).map_err(|e| format!("{e:#}")));
        match made {
            Ok(release) => {
                all_well(release).context("before the test")?;
                test(release)
            }
            Err(why) => {
                let why = std::mem::replace(why, "see the first test".into());
                bail!("the shared release did not come up: {why}")
            }
        }
    }
}

/// The pairs as they are now, who is written to first.
pub(crate) fn pairs(release: &Release) -> Result<[(&'static str, &'static str); 3]> {
    Ok([release.coordinators()?, PAIRS[1], PAIRS[2]])
}

/// Waits until every pod is ready, every pair replicates, the standby would take over, and clients are sent to the
/// coordinator.
pub(crate) fn all_well(release: &Release) -> Result<()> {
    release.wait_all_ready()?;
    PAIRS[1..]
        .iter()
        .try_for_each(|(_, receiver)| release.wait_streaming(receiver))?;
    release.wait_in_sync()?;
    wait_served(release)
}

/// Waits until clients are sent to the coordinator, and to nobody else.
pub(crate) fn wait_served(release: &Release) -> Result<()> {
    wait::until("the Service has one pod, the coordinator", || {
        let (coordinator, _) = release.coordinators()?;
        let (addresses, labelled) = (service_addresses(release)?, release.labelled()?);
        ensure!(addresses == [release.ip(coordinator)?.to_string()], "{addresses:?}");
        ensure!(labelled == [coordinator], "labelled: {labelled:?}");
        Ok(())
    })
}

/// Addresses of the pods behind the clients' Service.
pub(crate) fn service_addresses(release: &Release) -> Result<Vec<String>> {
    let endpoints = release.object("endpoints/greenplum")?;
    let subsets = endpoints["subsets"].as_array().into_iter().flatten();
    let ready = subsets.flat_map(|s| s["addresses"].as_array().into_iter().flatten());
    Ok(ready
        .filter_map(|address| address["ip"].as_str().map(String::from))
        .collect())
}

/// The pods that are written to and do not run on a node.
pub(crate) fn elsewhere(release: &Release, node: &str) -> Result<Vec<&'static str>> {
    let mut pods = Vec::new();
    for (pod, _) in PAIRS {
        if release.node(pod)? != node {
            pods.push(pod);
        }
    }
    Ok(pods)
}

/// Writes a table with a thousand rows where each pair is written to.
pub(crate) fn write_rows(release: &Release, table: &str) -> Result<()> {
    for (pod, _) in pairs(release)? {
        let rows = "select generate_series(1, 1000) as id";
        release.sql(pod, &format!("create table {table} as {rows}"))?;
    }
    Ok(())
}

/// Checks that each thousand is still there, on both ends of each pair, and drops the table.
pub(crate) fn check_rows(release: &Release, table: &str) -> Result<()> {
    let query = format!("select count(*), sum(id) from {table}");
    for (pod, mirror) in pairs(release)? {
        let rows = release.sql(pod, &query)?;
        ensure!(rows == "1000|500500", "{pod} has {rows}");
        wait::until(&format!("{mirror} has the rows"), || {
            let rows = release.sql(mirror, &query)?;
            ensure!(rows == "1000|500500", "{mirror} has {rows}");
            Ok(())
        })?;
        release.sql(pod, &format!("drop table {table}"))?;
    }
    Ok(())
}
