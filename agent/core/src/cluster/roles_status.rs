//! What the acting coordinator's agent says of primaries and mirrors that have changed places: a part of the document of
//! `/status`. Fields may be added.

use super::content::ContentId;
use super::word::words;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

words! {
    /// When roles are changed back.
    RebalanceTime {
        /// Only a command does it.
        Manual = "manual",
        /// Within the time that is set aside for it.
        Window = "window",
        /// While nothing runs.
        Idle = "idle",
    }
}

/// Who is out of place, and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolesStatus {
    /// When they are changed back, as the configuration says.
    pub when: RebalanceTime,
    /// Contents that are served by the server made as their mirror.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub swapped: Vec<SwappedContent>,
    /// Why roles are not changed back now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What somebody has to do; left out where it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Unix seconds before which they are not, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Unix seconds at which gprecoverseg begins, once that is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<u64>,
    /// The run that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<RebalanceActivity>,
    /// The last run that has ended, within the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRebalance>,
    /// The runs of the last day, for the coordinator that may take over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Map<String, Value>>,
    /// Since the agent started.
    pub counts: RebalanceCounts,
}

/// A content that is served by the server made as its mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwappedContent {
    /// The content.
    pub content: ContentId,
    /// The pod of the server that acts as primary; its content's name where it is no pod of cluster.yaml.
    pub pod: String,
    /// Unix seconds at which this was first seen.
    pub since: u64,
}

/// A run that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RebalanceActivity {
    /// What was out of place as it began.
    pub contents: Vec<ContentId>,
    /// Unix seconds.
    pub since: u64,
    /// Whether the tool has ended, and FTS has to find everybody in place.
    pub judging: bool,
}

/// A run that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastRebalance {
    /// Unix seconds of its beginning.
    pub at: u64,
    /// Seconds until the catalog had judged it, where this agent saw its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Whether every content was in place afterwards.
    pub rebalanced: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Numbers since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RebalanceCounts {
    /// Runs after which every content was in place.
    pub rebalanced: u64,
    /// Runs after which some was not.
    pub failed: u64,
    /// Seconds of all runs.
    pub seconds: u64,
}
