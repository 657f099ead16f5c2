//! init's log lines, in the shape of the agent's, without its library.

use crate::sys::log::writer;
use crate::sys::log::writer::{PIPE_BUF, Patience};
use crate::sys::log::{format, identity, now};
use gp_agent_core::log::record::{Format, Level as RecordLevel, Moment, Record};
use serde_json::Map;

/// Severity, as wide as tracing writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The normal course of things.
    Info,
    /// Something had to be mended.
    Warn,
    /// Something could not be mended.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Info => " INFO",
            Level::Warn => " WARN",
            Level::Error => "ERROR",
        }
    }

    fn of_record(self) -> RecordLevel {
        match self {
            Level::Info => RecordLevel::Info,
            Level::Warn => RecordLevel::Warn,
            Level::Error => RecordLevel::Error,
        }
    }
}

/// Writes one line to stderr, or drops it: when whoever collects the log has stopped reading, reaping still goes on.
pub(crate) fn line(level: Level, message: &str) {
    let message = shortened(message);
    let line = match format() {
        Format::Text => text(now(), level, message),
        Format::Json => json(now(), level, message),
    };
    writer::write(&line, Patience::None);
}

/// A line that does not block is not longer than PIPE_BUF; half of that leaves room for all else.
fn shortened(message: &str) -> &str {
    let end = (0..=PIPE_BUF / 2).rfind(|at| message.is_char_boundary(*at));
    message.get(..end.unwrap_or(0)).unwrap_or(message)
}

fn json(now: Moment, level: Level, message: &str) -> String {
    let record = Record {
        time: now,
        level: level.of_record(),
        message: message.to_string(),
        fields: Map::from_iter([("source".to_string(), "init".into())]),
    };
    record.lines(&identity())
}

fn text(now: Moment, level: Level, message: &str) -> String {
    let message = message.replace(['\n', '\r'], " ");
    format!("{now} {} gp_agent::init: {message}\n", level.as_str())
}

macro_rules! info { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Info, &format!($($word)*)) } }
macro_rules! warning { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Warn, &format!($($word)*)) } }
macro_rules! error { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Error, &format!($($word)*)) } }
pub(crate) use error;
pub(crate) use info;
pub(crate) use warning;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_like_tracings() {
        let at = Moment(1_709_251_199_000_123);
        assert_eq!(
            text(at, Level::Info, "agent started pid=7\nreally"),
            "2024-02-29T23:59:59.000123Z  INFO gp_agent::init: agent started pid=7 really\n"
        );
    }

    #[test]
    fn a_line_of_json_is_a_record() {
        let line = json(Moment(0), Level::Warn, "the \"agent\"");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&value["level"], &value["message"]),
            (&"warn".into(), &"the \"agent\"".into())
        );
        assert_eq!(value["fields"]["source"], "init");
    }

    #[test]
    fn no_line_is_too_long_to_be_written_without_waiting() {
        let long = "\u{e4}\"".repeat(PIPE_BUF);
        let short = shortened(&long);
        assert!(long.starts_with(short) && short.len() > 1000);
        assert!(text(Moment(0), Level::Info, short).len() <= PIPE_BUF);
        assert!(json(Moment(0), Level::Info, short).len() <= PIPE_BUF);
        assert_eq!(shortened("all"), "all");
    }
}
