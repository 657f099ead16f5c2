//! What a coordinator's agent says of failover: a part of the document of `/status`.
//!
//! Fields may be added; words that an older agent does not know become `Other` there, so that no document is lost over them.

use super::word::words;
use serde::{Deserialize, Serialize};

words! {
    /// Whether the standby takes over from a lost coordinator, as the configuration says.
    TakeoverMode {
        /// It does, by itself.
        Auto = "auto",
        /// By command only.
        Manual = "manual",
        /// Roles are changed by hand, and nothing keeps two coordinators from writing.
        Off = "off",
    }

    /// Which authority keeps the record.
    AuthorityKind {
        /// A Lease of the Kubernetes API.
        Kubernetes = "kubernetes",
        /// A directory that both coordinator containers of one machine share.
        File = "file",
    }
}

/// Failover as one of the two coordinator pods sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverStatus {
    /// Why nothing of it runs; left out while it runs, and then the rest means something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<String>,
    /// Which of the pods of its name this one is; empty until failover runs.
    pub uid: String,
    /// `failover.leaseSeconds`.
    pub lease_seconds: u32,
    /// Whether PID 1 can fence the server.
    pub fence: bool,
    /// The stream over which this standby's server receives, by the name that the coordinator has for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Whether takeovers happen by themselves.
    pub mode: TakeoverMode,
    /// The other coordinator's pod.
    pub other: String,
    /// Which authority.
    pub authority: AuthorityKind,
    /// Where the record stands: `Lease prod/warehouse-coordinator`, or the path of a file.
    pub place: String,
    /// What is wrong with the record; left out while it is read and believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordTrouble>,
    /// The pod that the record names as the coordinator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Grows with every change of the holder.
    pub epoch: u64,
    /// Whether this pod may write now.
    pub mine: bool,
    /// Unix seconds at which this pod has to have stopped writing, unless it renews before; left out where it does not write,
    /// and where nobody else could be promoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes_until: Option<u64>,
    /// The pod that may be promoted: it has every commit that was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_sync: Option<String>,
    /// Why no pod may be promoted, while none may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_in_sync: Option<NotInSync>,
    /// Whose promise this pod writes by, or has given, while the authority does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// The engine has no way back for a coordinator that crashed but a new copy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rejoins_by_copy: bool,
    /// Whether somebody has paused failover (`gp-agent failover pause`).
    pub paused: bool,
    /// What is being done: `promotes the server`, `waits until coordinator-0 has been silent for 10 s`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// In the pod without the role: why it would not take over if the coordinator were lost now; left out where it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// Why the last hand-over, or takeover, that was asked for was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The last change of the holder that this volume remembers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastFailover>,
    /// Directories with what was written on this pod and is not in the cluster any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
    /// Why this pod cannot become the standby again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejoin: Option<RejoinTrouble>,
    /// Changes of the holder that brought the role here, since the agent started.
    pub counts: FailoverCounts,
    /// How often the agent killed the server since it might not write any more, since the agent started.
    #[serde(skip_serializing_if = "is_zero")]
    pub fences: u64,
    /// Seconds that this pod's last write of the failover record took; left out before the first, and without the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal_seconds: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What is wrong with the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordTrouble {
    /// In one word.
    pub cause: RecordCause,
    /// In the authority's or the reader's own words.
    pub why: String,
    /// Unix seconds.
    pub since: u64,
}

/// Why a record is not believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordCause {
    /// The authority does not answer.
    Unreachable,
    /// There is none, although one was seen before.
    Missing,
    /// It is not a record of this cluster.
    Garbled,
    /// It is older than one that was seen before: the authority was restored from a backup.
    Older,
    /// There is none, and both candidates have a coordinator's directory, of which none may be taken for the newer one.
    Rival,
    /// What only a later version has a word for.
    #[default]
    #[serde(other)]
    Other,
}

/// Why the standby may not be promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotInSync {
    /// In one word.
    pub cause: SyncCause,
    /// In words.
    pub why: String,
    /// Unix seconds.
    pub since: u64,
}

/// What keeps a standby from being in sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncCause {
    /// Its agent is of a version that knows no failover.
    OldAgent,
    /// Neither its agent nor its stream is there.
    Silent,
    /// Its agent answers, and it receives no stream.
    NotStreaming,
    /// It streams and is not at the end of the write-ahead log yet.
    Behind,
    /// Commits do not wait for it: somebody else sets synchronous_standby_names.
    Setting,
    /// Commits would go on without it too soon when it is silent: wal_sender_timeout is short.
    SenderTimeout,
    /// It streams, and it is being proven that commits wait for it.
    Confirming,
    /// Its PID 1 is of a version that cannot fence.
    NoFence,
    /// What only a later version has a word for.
    #[default]
    #[serde(other)]
    Other,
}

/// A promise not to take over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The pod that gave it.
    pub by: String,
    /// Unix seconds of its end.
    pub until: u64,
}

/// How the role came to a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailoverKind {
    /// The other coordinator was lost.
    Failover,
    /// It was handed over in order.
    Switchover,
    /// A person accepted that data may be lost.
    Forced,
    /// What only a later version has a word for.
    #[default]
    #[serde(other)]
    Other,
}

impl FailoverKind {
    /// Those that are counted.
    pub const COUNTED: [FailoverKind; 3] = [FailoverKind::Failover, FailoverKind::Switchover, FailoverKind::Forced];

    /// The word of documents and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailoverKind::Failover => "failover",
            FailoverKind::Switchover => "switchover",
            FailoverKind::Forced => "forced",
            FailoverKind::Other => "other",
        }
    }
}

/// A change of the holder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastFailover {
    /// How it came about.
    pub kind: FailoverKind,
    /// The pod that had the role.
    pub from: String,
    /// The pod that has it since.
    pub to: String,
    /// Unix seconds of its end, by the clock on the wall.
    pub at: u64,
    /// Seconds from its beginning until SQL was answered.
    pub seconds: f64,
    /// How long each step took, in their order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Why it was done.
    pub why: String,
}

/// A step of a failover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What was done: `acquire`, `promote`, `serve`, ...
    pub name: String,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Attempts to become the standby again that came to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejoinTrouble {
    /// How many.
    pub attempts: u32,
    /// What the last one ended with.
    pub why: String,
}

/// How often the role came to this pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverCounts {
    /// By a failover.
    pub failover: u64,
    /// By a switchover.
    pub switchover: u64,
    /// By force.
    pub forced: u64,
}

impl FailoverCounts {
    /// Those of one kind.
    pub fn of(self, kind: FailoverKind) -> u64 {
        match kind {
            FailoverKind::Failover => self.failover,
            FailoverKind::Switchover => self.switchover,
            FailoverKind::Forced => self.forced,
            FailoverKind::Other => 0,
        }
    }

    /// One more of that kind.
    pub fn count(&mut self, kind: FailoverKind) {
        match kind {
            FailoverKind::Failover => self.failover += 1,
            FailoverKind::Switchover => self.switchover += 1,
            FailoverKind::Forced => self.forced += 1,
            FailoverKind::Other => {}
        }
    }
}

impl FailoverStatus {
    /// Nothing of it runs, for this reason.
    pub fn off(why: impl Into<String>) -> FailoverStatus {
        FailoverStatus {
            off: Some(why.into()),
            ..FailoverStatus::default()
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.off.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_and_fields_of_a_later_version_lose_nothing_else() {
        let later = json!({
            "mode": "auto", "authority": "etcd", "place": "x", "epoch": 7, "mine": true, "paused": false, "weather": 1,
            "record": { "cause": "evaporated", "why": "w", "since": 3 },
            "notInSync": { "cause": "moon", "why": "w", "since": 3, "more": [] },
            "last": { "kind": "magic", "from": "a", "to": "b", "at": 1, "seconds": 0.5, "why": "w" },
            "counts": { "failover": 2 },
        });
        let read: FailoverStatus = serde_json::from_value(later).unwrap();
        assert_eq!((read.epoch, read.counts.of(FailoverKind::Failover)), (7, 2));
        assert_eq!(read.authority, AuthorityKind::Other("etcd".into()));
        assert_eq!(read.record.unwrap().cause, RecordCause::Other);
        assert_eq!(read.not_in_sync.unwrap().cause, SyncCause::Other);
        assert_eq!(read.last.unwrap().kind, FailoverKind::Other);
    }

    #[test]
    fn what_is_not_so_is_left_out() {
        let text = serde_json::to_string(&FailoverStatus::off("there is no standby")).unwrap();
        assert!(text.contains(r#""off":"there is no standby""#), "{text}");
        for absent in ["record", "promise", "obstacle", "last", "setAside", "rejoin"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
    }
}
