//! What the acting coordinator's agent says of bringing segments back: a part of the document of `/status`. Fields may be added.

use super::automation::Automation;
use super::content::ContentId;
use super::expansion_status::ExpansionStatus;
use super::roles_status::RolesStatus;
use super::word::words;
use serde::{Deserialize, Serialize};

words! {
    /// What is done about a segment that is down, or not there yet.
    RecoveryWork {
        /// gprecoverseg with pg_rewind.
        Incremental = "incremental",
        /// gprecoverseg with rsync.
        Differential = "differential",
        /// gprecoverseg with a new copy.
        Full = "full",
        /// gpaddmirrors: the first mirrors of the cluster are made.
        Add = "add",
        /// Its server streams: FTS is asked to look, and no tool is needed.
        Probe = "probe",
    }
}

/// The recovery of segments, as the pod sees it that decides it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryStatus {
    /// Whether that is done by itself.
    pub segments: Automation,
    /// Why nothing is done anywhere now; left out while nothing is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The run that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<RecoveryActivity>,
    /// Segments that the catalog lists as down, mirrors that it does not list yet, and what becomes of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub down: Vec<DownSegment>,
    /// The last run, since the agent started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRecovery>,
    /// What was tried within the last day, for the coordinator that may take over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<RememberedAttempt>,
    /// Primaries and mirrors that have changed places.
    pub roles: RolesStatus,
    /// Segments that are added.
    pub expansion: ExpansionStatus,
    /// Since the agent started.
    pub counts: RecoveryCounts,
}

/// One attempt on one content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RememberedAttempt {
    /// The content.
    pub content: ContentId,
    /// What the coordinator's own memory has of it.
    #[serde(flatten)]
    pub attempt: serde_json::Map<String, serde_json::Value>,
}

/// A run that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryActivity {
    /// How.
    pub method: RecoveryWork,
    /// The pods that are brought back.
    pub pods: Vec<String>,
    /// Unix seconds.
    pub since: u64,
    /// Whether the tool has ended, and FTS has to find the segments up.
    pub judging: bool,
}

/// A segment that is down, or not there yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownSegment {
    /// Its pod; the address in the catalog where it is no pod of cluster.yaml.
    pub pod: String,
    /// Its content.
    pub content: ContentId,
    /// Unix seconds at which this was first seen.
    pub since: u64,
    /// Whether the catalog does not list it: a mirror that is still to be made.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
    /// What would be done next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<RecoveryWork>,
    /// Unix seconds before which it is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Why nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// What somebody has to do; left out where it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Attempts in a row that did not help.
    pub failures: usize,
}

/// A run that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastRecovery {
    /// Unix seconds of its end.
    pub at: u64,
    /// How.
    pub method: RecoveryWork,
    /// Seconds until the catalog had judged it.
    pub seconds: u64,
    /// Pods that are up again.
    pub recovered: Vec<String>,
    /// Pods that are not.
    pub failed: Vec<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Numbers since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryCounts {
    /// Segments that were brought back.
    pub recovered: u64,
    /// Attempts that did not bring one back.
    pub failed: u64,
    /// Seconds of all runs.
    pub seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn words_of_a_later_version_are_passed_on_and_lose_nothing_else() {
        let later = json!({
            "segments": "at-night",
            "activity": { "method": "magic", "pods": ["segment-a-0"] },
            "down": [{ "pod": "segment-a-0", "content": 3, "next": "wait" }],
            "roles": { "when": "by-moon", "swapped": [{ "content": 7 }] },
            "expansion": { "redistribute": "slowly", "next": "think" },
        });
        let read: RecoveryStatus = serde_json::from_value(later.clone()).unwrap();
        assert_eq!(read.segments, Automation::Other("at-night".into()));
        assert_eq!(read.down[0].next, Some(RecoveryWork::Other("wait".into())));
        assert_eq!(read.roles.swapped[0].content, ContentId::new(7));
        let written = serde_json::to_value(&read).unwrap();
        for place in [
            "/segments",
            "/activity/method",
            "/down/0/next",
            "/down/0/content",
            "/roles/when",
            "/expansion/redistribute",
            "/expansion/next",
        ] {
            assert_eq!(written.pointer(place), later.pointer(place), "{place}");
            assert!(
                written.pointer(place).is_some_and(|word| *word != Value::Null),
                "{place}"
            );
        }
    }
}
