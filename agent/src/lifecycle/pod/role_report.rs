//! What a coordinator's status says of its role beside the machine's view: whom it follows, what it keeps aside, and why it
//! does not become the standby again.

use gp_agent_core::cluster::failover_status::RejoinTrouble;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Told {
    stream: Option<String>,
    set_aside: Vec<String>,
    rejoin: Option<RejoinTrouble>,
}

/// Shared by all tasks.
#[derive(Debug, Default)]
pub(crate) struct RoleReport(Mutex<Told>);

impl RoleReport {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream over which this standby receives now.
    pub(crate) fn receives(&self, stream: Option<String>) {
        self.told().stream = stream;
    }

    /// That.
    pub(crate) fn stream(&self) -> Option<String> {
        self.told().stream.clone()
    }

    /// What was written here and is not in the cluster any more is kept there.
    pub(crate) fn keeps_aside(&self, path: String) {
        self.told().set_aside.push(path);
    }

    /// All of that.
    pub(crate) fn set_aside(&self) -> Vec<String> {
        self.told().set_aside.clone()
    }

    /// Somebody has taken these away.
    pub(crate) fn keeps_no_more(&self, gone: &[String]) {
        self.told().set_aside.retain(|path| !gone.contains(path));
    }

    /// Why this pod does not become the standby again, or that it does.
    pub(crate) fn rejoins(&self, trouble: Option<RejoinTrouble>) {
        self.told().rejoin = trouble;
    }

    /// That.
    pub(crate) fn rejoin_trouble(&self) -> Option<RejoinTrouble> {
        self.told().rejoin.clone()
    }
}
