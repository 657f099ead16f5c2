//! `gp-agent set-aside`, which the coordinator's agent calls over ssh on every host before it creates the cluster anew.

use crate::lifecycle::greenplum::coordinator_timeline;
use crate::lifecycle::greenplum::creation::set_aside;
use crate::lifecycle::greenplum::creation::set_aside::Whole;
use crate::lifecycle::startup;
use crate::sys::config::config_file;
use anyhow::{Result, ensure};
use std::path::Path;

/// Clears this pod's data directory for the cluster of that name. Prints where its contents are now.
pub(super) async fn set_aside(config: &Path, cluster: &str, whole: Whole) -> u8 {
    match clear(config, cluster, whole).await {
        Ok(said) => {
            println!("{said}");
            0
        }
        Err(error) => {
            eprintln!("{error:#}");
            1
        }
    }
}

async fn clear(config: &Path, cluster: &str, whole: Whole) -> Result<String> {
    let config = config_file::read(config)?;
    ensure!(
        config.cluster == cluster,
        "this pod belongs to cluster {}, not to {cluster}",
        config.cluster
    );
    let (_, _, me) = startup::identify(&config).map_err(|f| anyhow::anyhow!("{f}"))?;
    let state_dir = config.storage.path.join(".gp-agent");
    let heard_of = coordinator_timeline::read(&state_dir)?;
    Ok(
        match set_aside::clear(&me.data_dir, &state_dir, me.port, &heard_of, whole).await? {
            Some(aside) => aside.display().to_string(),
            None => "nothing was there".into(),
        },
    )
}
