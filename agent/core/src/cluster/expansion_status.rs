//! What the acting coordinator's agent says of adding segments: a part of the document of `/status`. Fields may be added.

use super::automation::Automation;
use super::word::words;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

words! {
    /// A step of an expansion.
    ExpansionTask {
        /// The new segments become a part of the cluster.
        SetUp = "setUp",
        /// What was broken off before the catalog changed is undone.
        RollBack = "rollBack",
        /// It is noted that the catalog lists the new segments.
        FinishCatalog = "finishCatalog",
        /// What was broken off after the change of the catalog goes on.
        FinishSetUp = "finishSetUp",
        /// Tables are spread over all contents.
        Redistribute = "redistribute",
        /// gpexpand's schema is removed.
        CleanUp = "cleanUp",
    }
}

/// Segments that are not in the catalog yet, tables that are not on all segments yet, and what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpansionStatus {
    /// Whether tables are spread over segments that were added by itself.
    pub redistribute: Automation,
    /// Pods of segments that the catalog does not list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
    /// What is done next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ExpansionTask>,
    /// Why it is not done now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What somebody has to do; left out where it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Unix seconds before which it is not done, after runs that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// The run that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<ExpansionActivity>,
    /// How far the tables are, from the time on that the catalog lists the new segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ExpansionProgress>,
    /// The last run that has ended, within the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastExpansion>,
    /// What was begun, for the coordinator that may take over.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub memory: Map<String, Value>,
    /// Since the agent started.
    pub counts: ExpansionCounts,
}

/// A run that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpansionActivity {
    /// What is done.
    pub task: ExpansionTask,
    /// Unix seconds.
    pub since: u64,
    /// Whether the tool has ended, and what it left is looked at.
    pub judging: bool,
}

/// Tables on all segments, and others; by gpexpand.status_detail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpansionProgress {
    /// Tables that are on all segments, or gone.
    pub tables: u64,
    /// Tables that are not.
    pub tables_left: u64,
    /// Bytes of the former.
    pub bytes: u64,
    /// Bytes of the latter.
    pub bytes_left: u64,
    /// The table that is at work on, or comes next; with its database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// A run that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastExpansion {
    /// Unix seconds of its beginning.
    pub at: u64,
    /// What was done.
    pub task: ExpansionTask,
    /// Seconds until it was judged, where this agent saw its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Why it did not help; left out where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Numbers since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpansionCounts {
    /// Runs that helped.
    pub succeeded: u64,
    /// Runs that did not.
    pub failed: u64,
    /// Seconds of all runs.
    pub seconds: u64,
}
