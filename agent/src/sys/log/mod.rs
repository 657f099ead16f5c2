//! The log of the container: the agent's own lines, and those of the servers below it.
//!
//! In text everybody writes to the container's standard error. In JSON the servers write into a pipe that init holds open
//! ([`pipe`]), and whoever lives, the agent or else init, turns their lines into records ([`forward`]).

pub(crate) mod forward;
mod json;
pub(crate) mod pipe;
pub(crate) mod tail;
pub(crate) mod writer;

use super::discovery::hostname::host_name;
use super::process::clock;
use forward::Forwarder;
use gp_agent_core::log::postgres;
use gp_agent_core::log::record::{FORMAT_VARIABLE, Format, Identity, Moment};
use pipe::LogPipe;
use std::io;
use std::io::IsTerminal;
use std::process::{Command, Stdio};
use std::sync::{OnceLock, PoisonError, RwLock};
use tracing_subscriber::EnvFilter;

static FORMAT: OnceLock<Format> = OnceLock::new();
static IDENTITY: RwLock<Option<Identity>> = RwLock::new(None);
static PIPE: OnceLock<LogPipe> = OnceLock::new();

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

/// Sets the agent's log up, and begins to forward the servers' lines where init hands the pipe down.
pub(crate) fn start() -> Option<Forwarder> {
    let filter = EnvFilter::try_from_env("GP_AGENT_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format() {
        Format::Json => builder.event_format(json::Json).init(),
        Format::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
    }
    if let Ok(word) = std::env::var(FORMAT_VARIABLE)
        && Format::choose(Some(&word), false, false).is_none()
    {
        tracing::warn!("{FORMAT_VARIABLE} is {word:?}; choose auto, json or text");
    }
    let pipe = LogPipe::from_env()?;
    let forwarder = Forwarder::start(&pipe).inspect_err(|error| {
        tracing::error!("cannot forward the servers' log, which goes on as text: {error}");
    });
    let forwarder = forwarder.ok()?;
    // Only once: start() is called by the one `run`.
    let _ = PIPE.set(pipe);
    Some(forwarder)
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
