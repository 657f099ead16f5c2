//! One line of the log: its format, its time, who speaks.

use crate::sys::discovery::hostname::host_name;
use crate::sys::process::clock;
use gp_agent_core::log::record::{FORMAT_VARIABLE, Identity, LogFormat, LogLevel, Moment, Record};
use serde_json::Map;
use std::io;
use std::io::IsTerminal;
use std::sync::{OnceLock, PoisonError, RwLock};

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

static IDENTITY: RwLock<Option<Identity>> = RwLock::new(None);

/// The format of this process's log.
pub(crate) fn format() -> LogFormat {
    *FORMAT.get_or_init(|| {
        let word = std::env::var(FORMAT_VARIABLE).ok();
        let kubernetes = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        // A word that is no format counts as none; the agent warns of it.
        LogFormat::choose(word.as_deref(), kubernetes, io::stderr().is_terminal())
            .or_else(|| LogFormat::choose(None, kubernetes, io::stderr().is_terminal()))
            .unwrap_or(LogFormat::Text)
    })
}

/// Now, as records tell the time.
pub(crate) fn now() -> Moment {
    Moment(u64::try_from(clock::since_epoch().as_micros()).unwrap_or(u64::MAX))
}

/// Who speaks; the host name until more is known.
pub(crate) fn identity() -> Identity {
    let known = IDENTITY.read().unwrap_or_else(PoisonError::into_inner);
    known.clone().unwrap_or_else(|| Identity {
        pod: host_name(),
        ..Identity::default()
    })
}

/// Who speaks from now on.
pub(crate) fn introduce(identity: Identity) {
    *IDENTITY.write().unwrap_or_else(PoisonError::into_inner) = Some(identity);
}

/// Which of our programs speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The agent.
    Agent,
    /// init.
    Init,
}

/// A line of the log in this process's format, for those who cannot use the agent's library.
pub(crate) fn line(source: Source, level: LogLevel, message: &str) -> String {
    match format() {
        LogFormat::Text => text_line(now(), source, level, message),
        LogFormat::Json => json_line(now(), source, level, message),
    }
}

fn json_line(now: Moment, source: Source, level: LogLevel, message: &str) -> String {
    let name = match source {
        Source::Agent => "agent",
        Source::Init => "init",
    };
    let record = Record {
        time: now,
        level,
        message: message.to_string(),
        fields: Map::from_iter([("source".to_string(), name.into())]),
    };
    record.lines(&identity())
}

/// As wide as tracing writes it.
fn text_line(now: Moment, source: Source, level: LogLevel, message: &str) -> String {
    let level = match level {
        LogLevel::Trace => "TRACE",
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => " INFO",
        LogLevel::Warn => " WARN",
        LogLevel::Error | LogLevel::Fatal => "ERROR",
    };
    let target = match source {
        Source::Agent => "",
        Source::Init => "gp_agent::init: ",
    };
    let message = message.replace(['\n', '\r'], " ");
    format!("{now} {level} {target}{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::log::sink::PIPE_BUF;

    #[test]
    fn a_line_looks_like_tracings() {
        let at = Moment(1_709_251_199_000_123);
        assert_eq!(
            text_line(at, Source::Init, LogLevel::Info, "agent started pid=7\nreally"),
            "2024-02-29T23:59:59.000123Z  INFO gp_agent::init: agent started pid=7 really\n"
        );
        assert_eq!(
            text_line(at, Source::Agent, LogLevel::Warn, "gone"),
            "2024-02-29T23:59:59.000123Z  WARN gone\n"
        );
    }

    #[test]
    fn a_line_of_json_is_a_record() {
        let line = json_line(Moment(0), Source::Init, LogLevel::Warn, "the \"agent\"");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&value["level"], &value["message"]),
            (&"warn".into(), &"the \"agent\"".into())
        );
        assert_eq!(value["fields"]["source"], "init");
    }

    #[test]
    fn half_of_what_a_pipe_takes_at_once_leaves_room_for_all_else() {
        let long = "\u{e4}\"".repeat(PIPE_BUF / 6);
        assert!(long.len() * 4 > PIPE_BUF);
        assert!(text_line(Moment(0), Source::Init, LogLevel::Info, &long).len() <= PIPE_BUF);
        assert!(json_line(Moment(0), Source::Init, LogLevel::Info, &long).len() <= PIPE_BUF);
    }
}
