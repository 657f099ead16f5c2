//! Reading what pg_controldata prints.

use super::standby::{Required, required_by};

/// The lines of pg_controldata that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlData {
    /// "Database system identifier".
    pub system_id: Option<String>,
    /// "Database cluster state", such as `in production` or `shut down`.
    pub state: Option<String>,
    /// "Latest checkpoint's TimeLineID".
    pub timeline: Option<u32>,
    /// What a server needs that replays into the directory.
    pub required: Vec<Required>,
}

impl ControlData {
    /// Reads the output of pg_controldata run with `LC_ALL=C`.
    pub fn parse(output: &str) -> ControlData {
        let value = |key: &str| {
            output.lines().find_map(|line| {
                let (k, v) = line.split_once(':')?;
                (k.trim() == key).then(|| v.trim().to_string())
            })
        };
        ControlData {
            system_id: value("Database system identifier"),
            state: value("Database cluster state"),
            timeline: value("Latest checkpoint's TimeLineID").and_then(|t| t.parse().ok()),
            required: required_by(output),
        }
    }

    /// Whether the last postmaster on the directory ended cleanly (pg_control.h: DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY).
    pub fn shut_down_cleanly(&self) -> bool {
        matches!(self.state.as_deref(), Some("shut down" | "shut down in recovery"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_lines() {
        let text = "pg_control version number:            1300\nDatabase system identifier:           7410000000000000001\nDatabase cluster state:               shut down in recovery\nLatest checkpoint's TimeLineID:       3\nLatest checkpoint's PrevTimeLineID:   2\n";
        let data = ControlData::parse(text);
        assert_eq!(data.system_id.as_deref(), Some("7410000000000000001"));
        assert_eq!(data.timeline, Some(3));
        assert!(data.shut_down_cleanly());
        assert!(!ControlData::parse("Database cluster state: in production").shut_down_cleanly());
        assert_eq!(ControlData::parse("garbage"), ControlData::default());
    }
}
