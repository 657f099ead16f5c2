//! Greenplum's content id: which part of the database a server holds.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The number that a primary and its mirror share, and coordinator and standby likewise (`gp_segment_configuration.content`).
/// In documents, file names and SQL it is the bare number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentId(i32);

impl ContentId {
    /// Coordinator and standby (`MASTER_CONTENT_ID` in Greenplum's cdbutil.h).
    pub const COORDINATOR: ContentId = ContentId(-1);

    /// The content of that number: segments count from 0.
    pub const fn new(number: i32) -> ContentId {
        ContentId(number)
    }

    /// The bare number, for documents and logs.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Whether it is that of coordinator and standby.
    pub fn is_coordinator(self) -> bool {
        self == ContentId::COORDINATOR
    }

    /// Whether it is that of a primary and its mirror.
    pub fn is_segment(self) -> bool {
        self > ContentId::COORDINATOR
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ContentId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(ContentId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_the_bare_number_everywhere() {
        for (content, text) in [(ContentId::COORDINATOR, "-1"), (ContentId::new(12), "12")] {
            assert_eq!(serde_json::to_string(&content).unwrap(), text);
            assert_eq!(serde_json::from_str::<ContentId>(text).unwrap(), content);
            assert_eq!(content.to_string(), text);
            assert_eq!(text.parse(), Ok(content));
            assert_ne!(content.is_coordinator(), content.is_segment());
        }
        assert_eq!(format!("{:>3}", ContentId::new(7)), "  7");
        assert!("gpseg0".parse::<ContentId>().is_err());
    }
}
