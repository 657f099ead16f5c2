//! What is asked, and what may come of it.

use crate::cluster::directory::DirectoryKind;
use crate::cluster::topology::Role;
use std::time::Duration;

/// The facts about a directory that the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// What it says it is.
    pub kind: DirectoryKind,
    /// "Database system identifier"; the same on every copy of one database. Of a directory that is gone, or has lost what says
    /// so, the one that its volume remembers: that makes it no other database's, see [`foreign`].
    pub system_id: Option<String>,
    /// The newest timeline it knows of; grows with every promotion. Of one that is not whole, also what its volume remembers.
    pub timeline: u32,
}

/// What is known of the pod on the other end of replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partner {
    /// The topology has none.
    None,
    /// It did not answer in time.
    Silent,
    /// It answers, and this agent cannot tell what: it may be of a newer version. That is less than silence: whatever it does,
    /// it does now.
    NotUnderstood {
        /// In words.
        why: String,
    },
    /// It answered.
    Answered {
        /// Its directory.
        directory: Directory,
        /// Whether its server is running writable at this moment.
        writable: bool,
    },
}

/// What to do with this pod's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Create an empty database here.
    Create,
    /// Copy the partner's database and follow it.
    Clone,
    /// Start what is there.
    Start,
    /// Make the directory of a coordinator that was taken over from a standby's of the one that took over.
    Rejoin,
    /// Ask again later; the text says what is waited for.
    Wait(String),
    /// A person must decide.
    Refuse {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
}

impl Partner {
    /// Whether it is silent, or cannot look at its directory.
    pub(crate) fn tells_nothing(&self) -> bool {
        match self {
            Partner::Answered { directory, .. } => directory.kind == DirectoryKind::Unreadable,
            partner => *partner == Partner::Silent,
        }
    }

    /// Why its answer cannot be read, if there is such a one.
    pub fn not_understood(&self) -> Option<&str> {
        match self {
            Partner::NotUnderstood { why } => Some(why),
            _ => None,
        }
    }
}

/// What a pod knows when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The role that the pod was made for.
    pub role: Role,
    /// Its directory.
    pub own: &'a Directory,
    /// The pod on the other end of replication.
    pub partner: &'a Partner,
    /// That pod's name, for the texts.
    pub partner_name: &'a str,
    /// The newest timeline of this database that this pod ever heard of; 0 when of none.
    pub newest_timeline: u32,
    /// What its volume holds of a database when the directory is not whole; see [`super::data_directory::judge`].
    pub remains: Option<&'a str>,
    /// How long the partner has been asked without a decision.
    pub asked_for: Duration,
}

pub(super) fn refuse(what: impl Into<String>, remedy: impl Into<String>) -> Decision {
    Decision::Refuse {
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Whether both directories are known to hold the same database.
pub fn same_database(own: &Directory, other: &Directory) -> bool {
    own.system_id.is_some() && own.system_id == other.system_id
}
