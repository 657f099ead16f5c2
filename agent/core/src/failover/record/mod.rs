//! The record: the one place that says who holds the coordinator's role, and whether the other one may take it. It lives outside
//! of the database (a Lease, or a file), and is changed by compare-and-swap alone.

#[cfg(test)]
mod tests;

use super::lsn::Lsn;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The only format of a record so far. A record of a newer one is not understood, and so nobody promotes by it.
pub const FORMAT: u32 = 1;

/// What an authority keeps. Fields that this version does not know are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// Grows by one with every write, renewals too: an observer sees a change without comparing clocks.
    pub serial: u64,
    /// The cluster's name.
    pub cluster: String,
    /// "Database system identifier": a candidate with another database has no part in this.
    pub system_id: String,
    /// The timeline of the holder's server, as of its last write.
    pub timeline: u32,
    /// Who holds the role; nobody while it is handed over, or after a stop in order.
    pub holder: Option<Holder>,
    /// Grows by one with every change of the holder.
    pub epoch: u64,
    /// The other candidate, if it has all that was and will be acknowledged. Absent: nobody may be promoted automatically.
    pub in_sync: Option<InSync>,
    /// What the last holder left behind; only while there is no holder.
    pub released: Option<Released>,
    /// Whether takeovers happen by themselves.
    pub mode: Mode,
    /// A hand-over that an administrator has asked for, and that has not ended.
    pub switchover: Option<Switchover>,
    /// How long an observer has to see the record unchanged before the holder counts as dead, in seconds.
    pub lease_seconds: u32,
}

/// One pod, and which one of those that had its name in turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The pod's name, such as `coordinator-0`.
    pub pod: String,
    /// What a restarted container keeps and a new pod has not.
    pub uid: String,
}

/// The standby that has everything, and the connection over which it got it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InSync {
    /// The standby's pod.
    pub pod: String,
    /// Its UID.
    pub uid: String,
    /// One replication connection: `<client_port>/<backend_start in µs>` of pg_stat_replication. A walreceiver that connected
    /// again is another one, and is confirmed again.
    pub stream: String,
}

/// What a holder says when it has stopped its server in order and gives the role away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// Who it was.
    pub by: Holder,
    /// Where its log ends. A server that has received all up to here lacks nothing.
    pub lsn: Lsn,
    /// On which timeline.
    pub timeline: u32,
    /// Why; says who should go on.
    pub why: ReleaseWhy,
}

/// Why a holder released the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReleaseWhy {
    /// An administrator asked for it: the other one goes on.
    Switchover,
    /// Its pod ends, and the other one's does not: the other one goes on.
    PodEnds,
    /// Its server hangs or crashes again and again, and is dead: the one that was in sync goes on. Where its log ends nobody
    /// knows; but no server was started since, so that what was acknowledged is there.
    Crashed,
    /// It stopped, and nobody should take over: both pods end, or the pod is to come back. The same pod goes on when it is back.
    Stopped,
}

/// Whether takeovers happen by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Yes.
    Auto,
    /// No; a person has said so, and decides. A holder needs no deadline then, since nobody takes its role away.
    Paused,
    /// The same, because the configuration says so.
    Manual,
}

/// A hand-over that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switchover {
    /// The pod that is to go on.
    pub to: String,
    /// Who asked, in words.
    pub by: String,
    /// Whether it waits for an idle server.
    pub when_idle: bool,
}

/// What a read of the authority found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "a few are there at once")]
pub enum Seen {
    /// There is no record.
    Absent,
    /// There is something that is no record, or one of a newer format; in words.
    Garbled(String),
    /// A record.
    Record(Record),
}

/// Which state of the authority a read found or a write left: opaque to everybody but the authority (a resourceVersion, a
/// checksum), and different after every change. A write names the one that it may replace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

impl Record {
    /// Reads the record's JSON. What is none comes back as [`Seen::Garbled`].
    pub fn parse(json: &str) -> Seen {
        match serde_json::from_str::<Record>(json) {
            Ok(record) => match record.flaw() {
                None => Seen::Record(record),
                Some(flaw) => Seen::Garbled(flaw),
            },
            Err(e) => Seen::Garbled(format!("not a record of this format: {e}")),
        }
    }

    /// Its JSON.
    ///
    /// # Errors
    ///
    /// None in practice: every field has a representation.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Whether `candidate` holds it, this very pod.
    pub fn is_held_by(&self, candidate: &Holder) -> bool {
        self.holder.as_ref() == Some(candidate)
    }

    /// The candidate that may promote itself by this record without being asked to, if there is one: while there is, its
    /// holder writes only until a deadline (R2).
    pub fn successor(&self) -> Option<&InSync> {
        self.in_sync.as_ref().filter(|_| self.mode == Mode::Auto)
    }

    fn flaw(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!(
                "its format is {}, and this version knows {FORMAT}",
                self.format
            ));
        }
        match (&self.holder, &self.released) {
            (Some(_), Some(_)) => Some("it is held and released at once".into()),
            (None, None) => Some("it is neither held nor released".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pod, self.uid)
    }
}
