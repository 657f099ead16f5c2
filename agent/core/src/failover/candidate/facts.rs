//! What a candidate is told about itself, its server, the other candidate and the past.
//!
//! All times are on CLOCK_BOOTTIME, which goes on while a machine sleeps and which nobody sets.

use super::lack::Unable;
use crate::cluster::directory::DirectoryKind;
use crate::failover::lsn::Lsn;
use crate::failover::record::{Holder, InSync, Mode, Released};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who a candidate is; does not change while it lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Me {
    /// This pod.
    pub own: Holder,
    /// The other candidate's pod.
    pub other: String,
    /// The cluster's name: the record of another one is not ours.
    pub cluster: String,
    /// What a commit waits for.
    pub waits: CommitsWait,
    /// Whether init can arm its fence. Without it the other candidate is never in sync.
    pub fence: bool,
    /// What the volume remembers; `None` if it never saw a record.
    pub remembered: Option<Remembered>,
}

/// What a commit waits for while the standby is in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitsWait {
    /// For the standby, whatever became of its connection (PostgreSQL with `synchronous_standby_names`). So a standby that is in
    /// sync has everything, even when its walreceiver or its server was restarted.
    Always,
    /// For the standby while it is connected (Greenplum's coordinator, syncrep.c): once the connection has ended, commits go
    /// on without it.
    WhileStreaming,
}

/// What a volume remembers of the record, to tell an older one that came back (R10), and that it is the last holder's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// The epoch that was seen last.
    pub epoch: u64,
    /// The serial.
    pub serial: u64,
    /// The holder, or who released it.
    pub holder: Holder,
    /// Who was in sync.
    pub in_sync: Option<InSync>,
    /// What was released.
    pub released: Option<Released>,
    /// The mode.
    pub mode: Mode,
    /// The cluster's database.
    pub system_id: String,
    /// The last epoch in which the role was held on this volume; 0 if it never was. What was only read says nothing of the directory
    /// beside it, which may be an old one.
    pub held: u64,
    /// The epoch in which it was asked for last: the answer may have been lost.
    pub claimed: u64,
}

/// What this pod's agent sees of its own directory and server. Told every 200 ms, and at once when something changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalFacts {
    /// When the look at them began: it may be told late.
    pub at: Duration,
    /// The data directory.
    pub directory: Directory,
    /// The server on it.
    pub server: Server,
    /// Since when the volume has answered nothing: whatever the server says, it can acknowledge nothing.
    pub volume_hangs_since: Option<Duration>,
}

/// A data directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Directory {
    /// What it says it is.
    pub kind: DirectoryKind,
    /// "Database system identifier"; absent where there is no database.
    pub system_id: Option<String>,
    /// The newest timeline it knows of; of a standby the one that it receives.
    pub timeline: u32,
}

/// The postmaster, as this pod's agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// None, and none of its processes either.
    Down,
    /// It runs, and has not said yet what it is, or to whom it sends; or only orphans of one are left.
    Unclear,
    /// It takes writes, or will without being asked again.
    Writable {
        /// The standby's replication connection, if there is one.
        stream: Option<Stream>,
        /// Since when it has left a question unanswered; only of one that answered before.
        hangs_since: Option<Duration>,
    },
    /// It is in recovery as a standby.
    Standby {
        /// The connection over which it receives, or received last.
        receiver: Option<Receiver>,
        /// Up to where it has received and flushed, or replayed, whichever is more.
        received: Option<Lsn>,
    },
}

/// The standby's replication connection, as the coordinator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Which one, see [`InSync::stream`].
    pub id: String,
    /// When it was first seen what the standby said over it last.
    pub heard: Duration,
    /// When it cannot have said that yet.
    pub replied: Duration,
    /// After so long without a word of the standby's the server ends the connection (wal_sender_timeout); `None`: never.
    pub gives_up: Option<Duration>,
    /// For how long, when it was looked at last, WAL that was written had waited for the standby's flush; `None` while it has all.
    /// What nobody has looked at since says nothing of now.
    pub behind_for: Option<Duration>,
    /// For which [`Action::CommitsWait`](super::Action::CommitsWait) it is proven that commits wait for the standby, and that it has
    /// all that was written before they did. Once per connection. A proof may be told after commits were let go again.
    pub proven: Option<u64>,
    /// Whether commits wait for this standby by the server's own word now. Not a proof; but where the server says no, somebody
    /// else has set the parameter, and what is acknowledged from then on may be missing there.
    pub waits: bool,
}

/// The standby's replication connection, as the standby sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    /// Which one, by the name that the coordinator has for it.
    pub stream: String,
    /// When it ended, if it did.
    pub ended: Option<Duration>,
    /// When the SQL session ended that the agent keeps at the coordinator beside it, if it did.
    pub session_ended: Option<Duration>,
}

/// What came of a question to the other candidate's agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerAnswer {
    /// Nothing came from there.
    Silent,
    /// It answers, and this agent cannot tell what; in words. No silence, so nothing may follow from it that silence allows.
    NotUnderstood(String),
    /// What it says of itself.
    Facts(PeerFacts),
}

impl PeerAnswer {
    /// What it says of itself, if it says so.
    pub fn facts(&self) -> Option<&PeerFacts> {
        match self {
            PeerAnswer::Facts(facts) => Some(facts),
            PeerAnswer::Silent | PeerAnswer::NotUnderstood(_) => None,
        }
    }
}

impl PeerFacts {
    /// Whether it has a directory that no server can be started on, or has had one.
    pub(super) fn lacks_its_directory(&self) -> bool {
        self.directory.is_some_and(|kind| !kind.is_whole())
    }
}

/// What the other candidate's agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerFacts {
    /// It, and which of the pods of its name.
    pub pod: Holder,
    /// Why it could not take over.
    pub unable: Option<Unable>,
    /// Its pod ends.
    pub draining: bool,
    /// The connection over which its server receives.
    pub stream: Option<String>,
    /// What its directory says it is; `None`: it has not looked at it yet.
    pub directory: Option<DirectoryKind>,
    /// The timeline of its directory.
    pub timeline: u32,
    /// Whether its server takes writes.
    pub writable: bool,
    /// The newest epoch that it knows of; 0 if it never saw a record.
    pub epoch: u64,
}
