//! Why a replica does not replay what it receives.

use crate::finding::{Area, Finding};

/// Why replay is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The primary has larger values; words such as `max_connections is 200 there and 100 here`. Such a server ends when it
    /// is promoted, and can only be started again with as much (since PostgreSQL 14; earlier ones end at once).
    Settings(String),
    /// Somebody asked for it, or a recovery target is reached.
    Asked,
}

impl PauseCause {
    /// One line, as a reason.
    pub fn words(&self) -> String {
        match self {
            PauseCause::Settings(what) => {
                format!("its replay is paused: the primary has larger settings ({what}), and it cannot be promoted")
            }
            PauseCause::Asked => {
                "its replay is paused: pg_wal_replay_pause() was called, or a recovery target is reached".into()
            }
        }
    }

    /// What an administrator should know.
    pub fn finding(&self, pod: &str) -> Finding {
        let remedy = match self {
            PauseCause::Settings(_) => {
                "the agent restarts this server with the larger values (unless it is held: gp-agent resume); set them in `parameters` of cluster.yaml"
            }
            PauseCause::Asked => {
                "in this pod: SELECT pg_wal_replay_resume(); and remove recovery_target* where it is set"
            }
        };
        let what = format!("write-ahead log arrives and is not replayed; {}", self.words());
        match self {
            PauseCause::Settings(_) => Finding::error(Area::Postgres, pod, what, remedy),
            PauseCause::Asked => Finding::warning(Area::Postgres, pod, what, remedy),
        }
    }
}
