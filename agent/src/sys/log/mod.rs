//! The log of the container: the agent's own lines, and those of the servers below it.
//!
//! Servers write into a pipe that init holds open ([`pipe`]), and whoever lives, the agent or else init, passes their lines on,
//! in text as they are, in JSON as records ([`forward`]). What they say last before they end is kept ([`last_words`]).
//!
//! Nobody waits for whoever reads standard error: the agent's records go through a bounded queue to a thread of their own
//! ([`writer`]), init's through one that it empties as it can, and both write without waiting ([`sink`]).

pub(crate) mod forward;
mod json;
mod last_words;
mod line;
pub(crate) mod pipe;
pub(crate) mod queue;
pub(crate) mod sink;
pub(crate) mod tail;
pub(crate) mod writer;

pub(crate) use line::{Source, format, introduce, line};

use forward::Passer;
use gp_agent_core::log::postgres;
use gp_agent_core::log::record::{FORMAT_VARIABLE, LogFormat};
use gp_agent_core::process::timeouts;
use pipe::LogPipe;
use std::io;
use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use writer::{Dropped, LogQueue, LogWriter};

static PIPE: OnceLock<LogPipe> = OnceLock::new();
static QUEUE: OnceLock<Arc<LogQueue>> = OnceLock::new();

/// What is logged when GP_AGENT_LOG says nothing.
const FILTER: &str = "info,hickory_resolver=error,hickory_net=error,hickory_proto=error,kube_client=off";

/// Longer than a message waits in the pipe for its next line. Nobody's server is kept down by a reader that has stopped.
const WORDS_WITHIN: Duration = timeouts::SERVER_LAST_WORDS;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

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
        tracing::error!("cannot forward the servers' log, which goes to standard error by itself: {error}");
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
        LogFormat::Json => builder.event_format(json::Json).init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
    }
    log_panics(queue.clone());
    if let Ok(word) = std::env::var(FORMAT_VARIABLE)
        && LogFormat::choose(Some(&word), false, false).is_none()
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
    match format() {
        LogFormat::Json => &[("log_line_prefix", postgres::PREFIX)],
        LogFormat::Text => &[("log_line_prefix", postgres::TEXT_PREFIX)],
    }
}

/// A server begins: what others said before is not its word.
pub(crate) fn forget_last_words() {
    last_words::take();
}

/// Why a replica receives no stream, as far as its server said that here.
pub(crate) fn stream_words() -> Option<String> {
    last_words::of_stream()
}

/// The replica receives one.
pub(crate) fn forget_stream_words() {
    last_words::forget_stream();
}

/// Why the server that has just ended did so, as far as it said that here. Waits until what it wrote has been passed on.
pub(crate) async fn last_words() -> Option<String> {
    let begun = Instant::now();
    // Its last line may not have been looked at yet.
    while PIPE.get().is_some_and(LogPipe::holds_something) && begun.elapsed() < WORDS_WITHIN {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    last_words::take()
}
