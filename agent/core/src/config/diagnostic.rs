//! What is wrong with the configuration, and exactly where.

use super::yaml::Position;
use crate::finding::{Area, Finding};
use std::fmt;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceLocation {
    /// In the file; line and column count from 1, columns in characters.
    File {
        /// The file's name as it was asked for.
        name: String,
        /// Line.
        line: u64,
        /// Column.
        column: u64,
    },
    /// In an environment variable.
    Variable(String),
}

impl SourceLocation {
    pub(super) fn file(name: &str, at: Position) -> SourceLocation {
        SourceLocation::File {
            name: name.to_string(),
            line: at.line,
            column: at.column,
        }
    }
}

/// `cluster.yaml:7:12`, or the variable's name.
impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceLocation::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            SourceLocation::Variable(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigFinding {
    /// Where.
    pub place: SourceLocation,
    /// The dotted key, such as `segments.count`; empty when the whole file is meant.
    pub key: String,
    /// What is wrong, to be read after the key.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ConfigFinding {
    fn subject(&self) -> String {
        if self.key.is_empty() {
            self.place.to_string()
        } else {
            format!("{}: {}", self.place, self.key)
        }
    }
}

/// `cluster.yaml:7:12: segments.count: must be at least 1; ...`
impl fmt::Display for ConfigFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.subject(), self.message, self.remedy)
    }
}

impl From<&ConfigFinding> for Finding {
    fn from(found: &ConfigFinding) -> Finding {
        Finding::error(
            Area::Config,
            found.subject(),
            found.message.clone(),
            found.remedy.clone(),
        )
    }
}

/// What is wrong with one value, before it is known where the value stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub message: String,
    pub remedy: String,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault {
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}
