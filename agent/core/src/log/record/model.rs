//! What a record is made of.

use crate::cluster::content::ContentId;
use crate::cluster::topology::Role;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A line of JSON a record.
    Json,
}

/// The variable that chooses the format.
pub const FORMAT_VARIABLE: &str = "GP_AGENT_LOG_FORMAT";

impl LogFormat {
    /// The format for that value of [`FORMAT_VARIABLE`]. Left to itself (`auto`) it is JSON in Kubernetes, where programs
    /// collect the log, unless somebody looks on at a terminal. `None` for a word that is no format.
    pub fn choose(word: Option<&str>, kubernetes: bool, terminal: bool) -> Option<LogFormat> {
        match word {
            None | Some("" | "auto") if kubernetes && !terminal => Some(LogFormat::Json),
            None | Some("" | "auto" | "text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            Some(_) => None,
        }
    }
}

/// How grave a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For developers.
    Debug,
    /// The normal course of things.
    Info,
    /// Something had to be mended, or will have to.
    Warn,
    /// Something failed.
    Error,
    /// A session or the whole server ended for it.
    Fatal,
}

/// Who speaks, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The pod.
    pub pod: String,
    /// The role that it does at the moment.
    pub role: Option<Role>,
    /// Greenplum's content id.
    pub content: Option<ContentId>,
}

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl std::fmt::Display for Moment {
    /// RFC 3339 in UTC, with microseconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        let moment = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
        write!(f, "{moment:.6}")
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When.
    pub time: Moment,
    /// How grave.
    pub level: LogLevel,
    /// What.
    pub message: String,
    /// More about it.
    pub fields: Map<String, Value>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: LogLevel,
    pod: &'a str,
    role: Option<Role>,
    content: Option<ContentId>,
    message: &'a str,
    fields: &'a Map<String, Value>,
}

/// Container runtimes (containerd, Docker) cut lines that are longer than 16 KiB, line break included.
pub(super) const LONGEST_LINE: usize = 16 * 1024 - 1;

impl Record {
    /// The record as one line of JSON, with its line break.
    pub(super) fn line(&self, who: &Identity) -> String {
        let line = Line {
            time: self.time.to_string(),
            level: self.level,
            pod: &who.pod,
            role: who.role,
            content: who.content,
            message: &self.message,
            fields: &self.fields,
        };
        // Texts and numbers cannot fail to become JSON.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}
