//! PID 1: starts the agent and starts it again, reaps everything, hands on signals, holds the shutdown deadline.
//!
//! init stays small on purpose: one thread, no async runtime, nothing that allocates in proportion to the cluster. When
//! the agent dies, its postmasters and sshd become orphans, fall to init and go on; the next agent adopts them. Not
//! being PID 1, init makes itself a subreaper, which is the same for its own descendants.
//!
//! What it costs, for whoever compares it with other inits: an orphan's end is one signal handler (one `send`) and one
//! `wait4`, and ends that come together share the handler, the `poll` and the read of the pipe; nothing is logged and
//! /proc is not read. A forwarded signal is handler, `poll`, two `read`s at most and `kill`, and the log line comes
//! after it. /proc is only read in a shutdown, once the agent is gone or late, at most every 100 ms, and after the [`fence`]
//! has fired. The agent's word on the fence, every other second where there is a failover, is one `recvmsg` and one
//! `timerfd_settime`. Memory is the pages of the binary that waiting needs and some KiB of heap: what only a start or
//! another rare event needs is dropped again ([`crate::sys::resources::memory`]).
//!
//! The exit codes are [`exit_code::Outcome`]'s, the times of a shutdown [`gp_agent_core::process::shutdown_schedule`]'s.

pub(crate) mod child;
pub(crate) mod exit_code;
pub(crate) mod fd_store;
pub(crate) mod fence;
pub(crate) mod log;
pub(crate) mod options;
pub(crate) mod process_tree;
mod reap;
pub(crate) mod server_log;
mod shutdown;
pub(crate) mod signals;
pub(crate) mod supervisor;

pub(crate) use exit_code::exit_codes_help;
pub(crate) use options::InitOptions;

use exit_code::{Outcome, USAGE_CODE};
use log::{error, info};
use options::{InitRequest, USAGE, parse};
use rustix::process::{Pid, getpid, set_child_subreaper};
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::process::ExitCode;

/// `gp-agent init`: `args` are the words after `init`.
pub(crate) fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let code = match parse(args, |name| std::env::var_os(name)) {
        Ok(InitRequest::Run(options)) => run(options),
        Ok(InitRequest::Help) => {
            let _ = writeln!(io::stdout(), "{USAGE}\n\n{}", exit_codes_help());
            0
        }
        Err(why) => {
            error!("{why}");
            log::raw(format!("{USAGE}\n"));
            USAGE_CODE
        }
    };
    log::finish();
    ExitCode::from(code)
}

/// Runs until the container ends; the answer is init's exit code.
pub(crate) fn run(options: InitOptions) -> u8 {
    let outcome = match begin(&options) {
        Ok(signals) => supervisor::InitSupervisor::new(options, signals).keep(),
        Err(why) => Outcome::CannotBegin(why),
    };
    let code = outcome.code();
    match outcome {
        Outcome::Drained => info!("init ends: {outcome} code={code}"),
        _ => error!("init ends: {outcome} code={code}"),
    }
    code
}

fn begin(options: &InitOptions) -> io::Result<signals::Signals> {
    let me = getpid();
    if me != Pid::INIT {
        set_child_subreaper(Some(me))?;
    }
    let signals = signals::Signals::install()?;
    let watchdog = match options.watchdog {
        Some(period) => format!("{period:?}"),
        None => "off".to_string(),
    };
    info!("init started pid={me} grace={:?} watchdog={watchdog}", options.grace);
    Ok(signals)
}
