//! Says what lies on the pod's volumes that no server uses, with its size: it is nobody's to delete but an administrator's.

use crate::lifecycle::pod::Pod;
use crate::sys::storage::leftovers;
use gp_agent_core::finding::{Finding, FindingSource};
use gp_agent_core::storage::leftovers::Leftover;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(30);

/// Runs as long as the pod. While no server runs a directory may just be being made.
pub(crate) async fn watch(pod: &Pod) {
    let mut sizes: BTreeMap<PathBuf, u64> = BTreeMap::new();
    loop {
        pod.board.until(|s| s.postmaster.runs()).await;
        let (dir, wal) = (pod.dir().to_path_buf(), pod.config.borrow().storage.wal.clone());
        let aside = pod.leadership.report.set_aside();
        let look = move || {
            let gone: Vec<String> = aside.into_iter().filter(|path| !Path::new(path).exists()).collect();
            leftovers::find(&dir, wal.as_deref()).map(|found| (found, gone))
        };
        match pod.volume.run(look).await {
            Ok((found, gone)) => {
                pod.leadership.report.keeps_no_more(&gone);
                let findings = named(&mut sizes, found).await;
                pod.board.findings(FindingSource::Leftovers, findings);
            }
            Err(error) => tracing::debug!("cannot look for what is left over: {error}"),
        }
        sleep(EVERY).await;
    }
}

/// What nobody uses does not change, so each is measured once.
async fn named(sizes: &mut BTreeMap<PathBuf, u64>, found: Vec<(Leftover, PathBuf)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    sizes.retain(|path, _| found.iter().any(|(_, found)| found == path));
    for (kind, path) in found {
        let bytes = match sizes.get(&path) {
            Some(bytes) => *bytes,
            None => {
                let measured = path.clone();
                // Beside the queue of the volume, which others wait for.
                let bytes = tokio::task::spawn_blocking(move || leftovers::bytes(&measured)).await;
                *sizes.entry(path.clone()).or_insert(bytes.unwrap_or_default())
            }
        };
        findings.push(kind.finding(&path, bytes));
    }
    findings
}
