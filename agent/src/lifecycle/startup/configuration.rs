//! Which configuration a pod begins with, and who it is by that. One wrong line must not keep a database down, nor take a
//! running server from its agent: then the configuration counts that this pod last ran with.

use super::identity::identify;
use super::lowered;
use crate::lifecycle::pod::kept_config;
use crate::lifecycle::status_board::StatusBoard;
use crate::sys::config::config_file;
use crate::sys::config::config_file::ConfigFileError;
use crate::sys::failover::kept_record;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use anyhow::Result;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::{Config, diff, same_leave};
use gp_agent_core::finding::{Finding, FindingSource};
use gp_agent_core::process::passwd::Account;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a pod begins with.
pub(super) struct Settled {
    /// The configuration.
    pub config: Config,
    /// The file's text, when the configuration is what it says.
    pub text: Option<String>,
    /// What is wrong with the file, when it is that of before.
    findings: Vec<Finding>,
    /// The user.
    pub account: Account,
    /// All pods.
    pub topology: Topology,
    /// This one.
    pub me: Member,
}

/// Why there is none yet.
struct Unsettled {
    config: Vec<Finding>,
    identity: Vec<Finding>,
    reason: String,
}

/// Looks until there is one; what is wrong stays on the board meanwhile.
pub(super) async fn settle(path: &Path, board: &StatusBoard) -> Result<Settled> {
    loop {
        let file = path.to_path_buf();
        // getent may wait long for a dead name server.
        let found = tokio::task::spawn_blocking(move || look(&file)).await?;
        let unsettled = match found {
            Ok(settled) => {
                if settled.text.is_none() {
                    tracing::warn!("going on with the configuration that this pod last ran with");
                }
                board.findings(FindingSource::Config, settled.findings.clone());
                board.findings(FindingSource::Identity, Vec::new());
                return Ok(*settled);
            }
            Err(unsettled) => unsettled,
        };
        board.findings(FindingSource::Config, unsettled.config);
        board.findings(FindingSource::Identity, unsettled.identity);
        board.phase(Phase::Refused, unsettled.reason);
        sleep(LOOK_EVERY).await;
    }
}

/// The configuration of the file; or that of before, where the file is wrong, takes segments away that the catalog lists, or says
/// that this pod is somebody else or somewhere else while its server runs.
fn look(path: &Path) -> Result<Box<Settled>, Unsettled> {
    let kept = kept_config::read(path);
    let (new, text) = match config_file::read_whole(path) {
        Ok(read) => read,
        Err(error) => {
            let before = kept.and_then(|kept| settled(kept, None, error.findings()).ok());
            return before.ok_or_else(|| wrong(&error));
        }
    };
    if let Some(finding) = lowered::find(&new)
        && let Some(mut kept) = kept.clone().filter(|kept| kept.segments.count > new.segments.count)
    {
        kept.follow(&new);
        if let Ok(settled) = settled(kept, None, vec![finding]) {
            return Ok(settled);
        }
    }
    let moves = kept.filter(|kept| !diff(kept, &new).needs_restart.is_empty());
    let before = moves.and_then(|kept| of_running_server(kept, &new));
    match settled(new, Some(text), Vec::new()) {
        Ok(settled) => Ok(before.filter(|before| !same_place(before, &settled)).unwrap_or(settled)),
        Err(finding) => before.ok_or_else(|| nobody(finding)),
    }
}

fn settled(config: Config, text: Option<String>, findings: Vec<Finding>) -> Result<Box<Settled>, Finding> {
    let (account, topology, me) = identify(&config)?;
    Ok(Box::new(Settled {
        config,
        text,
        findings,
        account,
        topology,
        me,
    }))
}

/// What this pod last ran with, when its server runs, with all that a running pod follows of the `new` one.
fn of_running_server(mut kept: Config, new: &Config) -> Option<Box<Settled>> {
    kept.follow(new);
    let before = settled(kept, None, Vec::new()).ok()?;
    let runs = matches!(pidfile::occupant(&before.me.data_dir), Ok(Occupant::Postmaster(_)));
    runs.then_some(before)
}

/// Whether the server that runs `before` is the one that is to run, and has its leave to write from the same place.
fn same_place(before: &Settled, new: &Settled) -> bool {
    let place = |s: &Settled| {
        (
            s.config.cluster.clone(),
            s.config.engine,
            s.config.storage.volumes(),
            s.me.clone(),
        )
    };
    let remembers = kept_record::is_there(&before.config.storage.path);
    place(before) == place(new) && same_leave(&before.config, &new.config, remembers)
}

fn wrong(error: &ConfigFileError) -> Unsettled {
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_string();
    Unsettled {
        config: error.findings(),
        identity: Vec::new(),
        reason: match lines.count() {
            0 => first,
            more => format!("{first} (and {more} more findings)"),
        },
    }
}

fn nobody(finding: Finding) -> Unsettled {
    Unsettled {
        config: Vec::new(),
        reason: finding.to_string(),
        identity: vec![finding],
    }
}
