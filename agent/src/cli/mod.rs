//! The verbs of the command line.

pub(crate) mod args;
mod check;
mod failover;
mod maintenance;
mod preflight;
pub(crate) mod probe;
mod recover;
mod render;
mod set_aside;
mod status;
pub(crate) mod status_table;
pub(crate) mod tool;

use crate::lifecycle;
use crate::lifecycle::greenplum::creation::set_aside::Whole;
use crate::sys::log;
use args::{Cli, Verb};
use clap::Parser;

/// Exit code of a wrong command line (sysexits.h: EX_USAGE).
const USAGE: u8 = 64;

/// Every verb but `init` and `probe`, which come before the command-line parser. Returns the exit code.
pub(crate) fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = !error.use_stderr();
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return if asked { 0 } else { USAGE };
        }
    };
    match cli.verb {
        Verb::Run => run(&cli.config),
        Verb::Status(wanted) => status::status(wanted),
        Verb::Check { areas } => block_on(check::check(&cli.config, &areas)),
        Verb::Render { what } => block_on(render::render(&cli.config, what)),
        Verb::Hold { reason } => maintenance::hold(&reason.join(" ")),
        Verb::Resume => maintenance::resume(),
        Verb::Switchover { when_idle, cancel } => failover::switchover(when_idle, cancel),
        Verb::Failover(wanted) => failover::failover(&wanted),
        Verb::Recover(wanted) => recover::recover(&wanted),
        Verb::Rebalance => recover::rebalance(),
        Verb::Expand => recover::expand(),
        Verb::Env => tool::env(),
        Verb::Preflight(wanted) => block_on(preflight::preflight(wanted)),
        Verb::SetAside { cluster, copy: false } => block_on(set_aside::set_aside(&cli.config, &cluster, Whole::Kept)),
        Verb::SetAside { cluster, copy: true } => maintenance::held("gpaddmirrors begins anew", || {
            block_on(set_aside::set_aside(&cli.config, &cluster, Whole::IfStandby))
        }),
        Verb::Init(_) | Verb::Probe { .. } => {
            eprintln!("error: no option comes before init and probe; GP_AGENT_CONFIG names another configuration file");
            USAGE
        }
    }
}

fn run(config: &std::path::Path) -> u8 {
    let log = match log::start() {
        Ok(log) => log,
        Err(error) => {
            eprintln!("cannot start the log: {error}");
            return 1;
        }
    };
    let code = block_on(async {
        match lifecycle::run(config).await {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!("{error:#}");
                1
            }
        }
    });
    log.finish();
    code
}

fn block_on(verb: impl Future<Output = u8>) -> u8 {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(verb);
            // A look at a hung disk must not keep the program from ending.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("cannot start: {error}");
            1
        }
    }
}
