//! The log of the container: the agent's own lines, and those of the servers below it.
//!
//! In text the servers write to the container's standard error themselves. In JSON they write into a pipe that init holds open
//! ([`pipe`]), and whoever lives, the agent or else init, turns their lines into records ([`forward`]).
//!
//! Nobody waits for whoever reads standard error: the agent's records go through a bounded queue to a thread of their own
//! ([`writer`]), init's through one that it empties as it can, and both write without waiting ([`sink`]).

pub(crate) mod forward;
mod json;
pub(crate) mod pipe;
pub(crate) mod queue;
pub(crate) mod sink;
pub(crate) mod tail;
pub(crate) mod writer;

use super::discovery::hostname::host_name;
use super::process::clock;
use forward::Passer;
use gp_agent_core::log::postgres;
use gp_agent_core::log::record::{FORMAT_VARIABLE, Format, Identity, Level, Moment, Record};
use pipe::LogPipe;
use serde_json::Map;
use std::io;
use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tracing_subscriber::EnvFilter;
use writer::{Dropped, LogQueue, LogWriter};

static FORMAT: OnceLock<Format> = OnceLock::new();
static IDENTITY: RwLock<Option<Identity>> = RwLock::new(None);
static PIPE: OnceLock<LogPipe> = OnceLock::new();
static QUEUE: OnceLock<Arc<LogQueue>> = OnceLock::new();

/// What is logged when GP_AGENT_LOG says nothing.
const FILTER: &str = "info,hickory_resolver=error,hickory_net=error,hickory_proto=error,kube_client=off";

/// The format of this process's log.
pub(crate) fn format() -> Format {
    *FORMAT.get_or_init(|| {
        let word = std::env::var(FORMAT_VARIABLE).ok();
        let kubernetes = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        // A word that is no format counts as none; the agent warns of it.
        Format::choose(word.as_deref(), kubernetes, io::stderr().is_terminal())
            .or_else(|| Format::choose(None, kubernetes, io::stderr().is_terminal()))
            .unwrap_or(Format::Text)
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
pub(crate) fn line(source: Source, level: Level, message: &str) -> String {
    match format() {
        Format::Text => text_line(now(), source, level, message),
        Format::Json => json_line(now(), source, level, message),
    }
}

fn json_line(now: Moment, source: Source, level: Level, message: &str) -> String {
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
fn text_line(now: Moment, source: Source, level: Level, message: &str) -> String {
    let level = match level {
        Level::Trace => "TRACE",
        Level::Debug => "DEBUG",
        Level::Info => " INFO",
        Level::Warn => " WARN",
        Level::Error | Level::Fatal => "ERROR",
    };
    let target = match source {
        Source::Agent => "",
        Source::Init => "gp_agent::init: ",
    };
    let message = message.replace(['\n', '\r'], " ");
    format!("{now} {level} {target}{message}\n")
}

/// Takes the agent's records, one write each, to the thread that writes them.
struct IntoQueue(Arc<LogQueue>);

impl Write for IntoQueue {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.push(String::from_utf8_lossy(record).into_owned());
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sets the agent's log up, and begins to forward the servers' lines where init hands the pipe down.
///
/// # Errors
/// No descriptor or thread is left.
pub(crate) fn start() -> io::Result<LogWriter> {
    let pipe = LogPipe::from_env();
    let passer = pipe.as_ref().map(|pipe| pipe.peeker().map(Passer::new));
    let (passer, failed) = match passer {
        Some(Ok(passer)) => (Some(passer), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let writer = LogWriter::start(passer)?;
    subscribe(writer.queue());
    if let Some(error) = failed {
        tracing::error!("cannot forward the servers' log, which goes on as text: {error}");
    } else if let Some(pipe) = pipe {
        // Only once: start() is called by the one `run`.
        let _ = PIPE.set(pipe);
    }
    Ok(writer)
}

fn subscribe(queue: &Arc<LogQueue>) {
    let _ = QUEUE.set(queue.clone());
    let filter = EnvFilter::try_from_env("GP_AGENT_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let into = queue.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || IntoQueue(into.clone()));
    match format() {
        Format::Json => builder.event_format(json::Json).init(),
        Format::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
    }
    log_panics(queue.clone());
    if let Ok(word) = std::env::var(FORMAT_VARIABLE)
        && Format::choose(Some(&word), false, false).is_none()
    {
        tracing::warn!("{FORMAT_VARIABLE} is {word:?}; choose auto, json or text");
    }
}

/// The standard library's own report would wait for a standard error that nobody reads.
fn log_panics(queue: Arc<LogQueue>) {
    std::panic::set_hook(Box::new(move |panic| {
        let trace = std::backtrace::Backtrace::capture();
        tracing::error!("{panic}\n{trace}");
        // It would wait for itself.
        if std::thread::current().name() != Some(writer::THREAD) {
            queue.flush();
        }
    }));
}

/// Log records that nobody read, since this process started.
pub(crate) fn dropped() -> Dropped {
    QUEUE.get().map(|queue| queue.dropped()).unwrap_or_default()
}

/// Lets a server write where its lines are forwarded from. Without a pipe it writes to the container's standard error.
pub(crate) fn attach(command: &mut Command) {
    let Some(pipe) = PIPE.get() else { return };
    if let (Ok(out), Ok(err)) = (pipe.writer(), pipe.writer()) {
        command.stdout(Stdio::from(out)).stderr(Stdio::from(err));
    }
}

/// Parameters that servers need so that their lines are understood.
pub(crate) fn server_parameters() -> &'static [(&'static str, &'static str)] {
    match PIPE.get() {
        Some(_) => &[("log_line_prefix", postgres::PREFIX)],
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::sink::PIPE_BUF;
    use super::*;

    #[test]
    fn a_line_looks_like_tracings() {
        let at = Moment(1_709_251_199_000_123);
        assert_eq!(
            text_line(at, Source::Init, Level::Info, "agent started pid=7\nreally"),
            "2024-02-29T23:59:59.000123Z  INFO gp_agent::init: agent started pid=7 really\n"
        );
        assert_eq!(
            text_line(at, Source::Agent, Level::Warn, "gone"),
            "2024-02-29T23:59:59.000123Z  WARN gone\n"
        );
    }

    #[test]
    fn a_line_of_json_is_a_record() {
        let line = json_line(Moment(0), Source::Init, Level::Warn, "the \"agent\"");
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
        assert!(text_line(Moment(0), Source::Init, Level::Info, &long).len() <= PIPE_BUF);
        assert!(json_line(Moment(0), Source::Init, Level::Info, &long).len() <= PIPE_BUF);
    }
}
