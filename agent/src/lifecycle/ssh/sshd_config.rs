//! sshd_config for this pod, written only after `sshd -t` found it right.

use super::settings::Setup;
use crate::sys::ssh::programs;
use crate::sys::ssh::programs::{ToolError, passes_strict_modes};
use crate::sys::ssh::secret::KeyPair;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::ssh::config::{Sshd, is_settable, render_sshd};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where our sshd_config is.
pub(super) fn config_file(run_dir: &Path) -> PathBuf {
    run_dir.join("sshd_config")
}

/// Where our sshd writes its PID.
pub(super) fn pid_file(run_dir: &Path) -> PathBuf {
    run_dir.join("sshd.pid")
}

/// Copies of the host keys with the mode that sshd insists on; on a volume with fsGroup kubelet changes modes.
pub(super) fn write_host_keys(run_dir: &Path, pairs: &[KeyPair]) -> io::Result<(Vec<PathBuf>, bool)> {
    fs::create_dir_all(run_dir)?;
    let mut changed = false;
    let mut files = Vec::new();
    for pair in pairs {
        let file = run_dir.join(format!("ssh_host_{}_key", pair.public.kind().as_str()));
        changed |= write_atomically(&file, pair.private.text(), 0o600)?;
        files.push(file);
    }
    Ok((files, changed))
}

/// Which words of newer versions this sshd knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    /// PerSourcePenalties.
    penalties: bool,
    /// PerSourceMaxStartups.
    shares: bool,
}

impl Newer {
    /// Every combination, the newest first.
    pub(super) const ALL: [Newer; 4] = [
        Newer::new(true, true),
        Newer::new(false, true),
        Newer::new(true, false),
        Newer::new(false, false),
    ];

    const fn new(penalties: bool, shares: bool) -> Newer {
        Newer { penalties, shares }
    }
}

/// The text of sshd_config for this pod.
pub(super) fn render(setup: &Setup, ports: &[u16], host_keys: &[PathBuf], newer: Newer) -> String {
    let authorized_keys = setup.ssh_dir().join("authorized_keys");
    let env: Vec<(String, String)> = setup
        .set_env
        .iter()
        .filter(|(name, value)| is_settable(name, value))
        .cloned()
        .collect();
    render_sshd(&Sshd {
        ports,
        host_keys,
        pid_file: &pid_file(&setup.run_dir),
        strict_modes: passes_strict_modes(&authorized_keys, setup.account.uid),
        authorized_keys: &authorized_keys,
        user: &setup.account.name,
        no_penalties: newer.penalties,
        shares: newer.shares,
        set_env: &env,
    })
}

/// The text of sshd_config, as `sshd -t` finds it right; it is put into `directory` for that.
pub(super) async fn test(
    setup: &Setup,
    directory: &Path,
    ports: &[u16],
    host_keys: &[PathBuf],
) -> Result<String, Finding> {
    let mut newer = Newer::new(true, true);
    loop {
        let text = render(setup, ports, host_keys, newer);
        let Err(error) = try_config(directory, &text).await else {
            return Ok(text);
        };
        let said = error.to_string();
        let known = Newer::new(
            newer.penalties && !said.contains("PerSourcePenalties"),
            newer.shares && !said.contains("PerSourceMaxStartups"),
        );
        if known == newer {
            return Err(refused(&setup.run_dir, &error));
        }
        newer = known;
    }
}

/// Lets sshd read a configuration before it counts.
async fn try_config(run_dir: &Path, text: &str) -> Result<(), ToolError> {
    let candidate = run_dir.join("sshd_config.new");
    write_atomically(&candidate, text.as_bytes(), 0o600).map_err(|source| ToolError::Scratch {
        path: candidate.clone(),
        source,
    })?;
    let answer = programs::test_config(&candidate).await;
    let _ = fs::remove_file(&candidate);
    answer
}

fn refused(run_dir: &Path, error: &ToolError) -> Finding {
    let remedy = match error {
        ToolError::Start { .. } => "install openssh-server in the image",
        _ => "mend what sshd names; until then sshd is not started (one that runs goes on as before)",
    };
    Finding::error(
        Area::Ssh,
        config_file(run_dir).display().to_string(),
        format!("`sshd -t` says: {error}"),
        remedy,
    )
}

pub(super) fn cannot_write(run_dir: &Path, error: &io::Error) -> Finding {
    Finding::error(
        Area::Ssh,
        run_dir.display().to_string(),
        format!("cannot write sshd's files there: {error}"),
        "mount a tmpfs or an emptyDir that the user may write to there, or set GP_AGENT_RUN_DIR",
    )
}

/// `sshd -t` on what would be written for this pod now, for the doctor.
pub(super) async fn check_config(setup: &Setup, host_keys: &[KeyPair]) -> Vec<Finding> {
    let scratch = tempfile::Builder::new().prefix(".check-").tempdir_in(&setup.run_dir);
    let directory = match scratch {
        Ok(directory) => directory,
        Err(error) => return vec![cannot_write(&setup.run_dir, &error)],
    };
    let files = match write_host_keys(directory.path(), host_keys) {
        Ok((files, _)) => files,
        Err(error) => return vec![cannot_write(directory.path(), &error)],
    };
    let tested = test(setup, directory.path(), &[setup.port()], &files).await;
    tested.err().into_iter().collect()
}
