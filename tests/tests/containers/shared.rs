//! The cluster that most tests share.

use anyhow::{Result, bail};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use std::sync::{Mutex, PoisonError};

/// Made when the first test asks for it.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Option<Result<Cluster, String>>>);

impl Shared {
    /// Hands the cluster over with every pod ready.
    pub fn with(&self, test: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = slot
            .get_or_insert_with(|| Cluster::up(Settings::default()).map_err(|e| format!("{e:#}")));
        match made {
            Ok(cluster) => {
                cluster.wait_all_ready()?;
                test(cluster)
            }
            Err(why) => {
                let why = std::mem::replace(why, "see the first test".into());
                bail!("the shared cluster did not come up: {why}")
            }
        }
    }
}
