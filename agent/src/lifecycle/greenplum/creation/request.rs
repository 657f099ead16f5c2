//! What gpinitsystem is told.

use crate::engine::Greenplum;
use crate::engine::limits::with_derived;
use crate::lifecycle::peers::discovered;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::resources::cgroup;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::greenplum::gpinitsystem::{CreationPlan, CreationRequest, INPUT_FILE, PARAMETERS_FILE, render};
use std::path::{Path, PathBuf};

/// gpinitsystem writes to the folder of its input file, and to the one of its logs.
pub(super) fn request_folder(pod: &Pod) -> Result<PathBuf> {
    let (folder, logs) = folders(&pod.account.home);
    for folder in [&folder, &logs] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(folder)
}

/// The folder of what gpinitsystem is told, and the one where the Greenplum tools keep their logs: gpsegstart makes that on
/// other hosts, but none below it. `home` is the user's home directory.
pub(crate) fn folders(home: &Path) -> (PathBuf, PathBuf) {
    (run_dir().join("gpinitsystem"), home.join("gpAdminLogs"))
}

pub(super) fn logs(pod: &Pod) -> PathBuf {
    folders(&pod.account.home).1
}

/// Uses the request for the tools. Their host names in pg_hba.conf are of use only where lookups find them.
pub(super) async fn with_request<T>(
    pod: &Pod,
    greenplum: &Greenplum,
    folder: &Path,
    locale: &str,
    use_it: impl FnOnce(&CreationRequest<'_>) -> T,
) -> T {
    let hba_host_names = discovered::all_verified(pod).await;
    let config = pod.config.borrow().clone();
    // Servers that begin with what follows from the limits need no restart for it.
    let parameters = with_derived(config.engine, &cgroup::limits(), &config.parameters);
    use_it(&CreationRequest {
        topology: &pod.topology,
        family: greenplum.version().family,
        locale,
        hba_host_names,
        parameters: &parameters,
        folder,
        logs: &logs(pod),
    })
}

pub(super) async fn plan(pod: &Pod, greenplum: &Greenplum, folder: &Path, locale: &str) -> Result<CreationPlan> {
    let plan = with_request(pod, greenplum, folder, locale, render).await;
    let plan = plan.map_err(|findings| {
        let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("gpinitsystem cannot be told this: {}", words.join("; "))
    })?;
    let write = |name: &str, text: &str| -> Result<()> {
        let path = folder.join(name);
        write_atomically(&path, text.as_bytes(), 0o600)
            .map(drop)
            .with_context(|| format!("cannot write {}", path.display()))
    };
    write(INPUT_FILE, &plan.input)?;
    if !plan.parameters.is_empty() {
        write(PARAMETERS_FILE, &plan.parameters)?;
    }
    Ok(plan)
}
