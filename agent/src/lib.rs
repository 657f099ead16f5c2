//! gp-agent: the entrypoint and segment agent of every Greenplum pod.
//!
//! Floors: the crate `gp_agent_core` is pure and knows nobody; `sys` (effects) and `engine` know it; `lifecycle` knows all
//! three; `cli` and the binary know the lifecycle and `init`. Every floor has the same rooms.
//!
//! The crate is closed: [`main`] is all that it offers. Tests of components against the real thing (`agent/tests`) come in
//! through `internals`, which exists for them alone; without it, what nobody but a test calls is dead code and an error.

// Items that component tests use are `pub`.
#![cfg_attr(
    not(feature = "internals"),
    allow(unreachable_pub, reason = "only component tests reach them")
)]

mod cli;
mod engine;
mod init;
#[cfg(feature = "internals")]
pub mod internals;
mod lifecycle;
mod sys;

use std::process::ExitCode;

/// From the command line to one of its verbs. The exit code is the verb's.
pub fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(code) = cli::tool::become_called(&args) {
        return ExitCode::from(code);
    }
    // init and probe come before the command-line parser: one has to stay small, the other cheap.
    let code = match args.get(1).and_then(|verb| verb.to_str()) {
        Some("init") => return init::main(args.into_iter().skip(2)),
        Some("probe") => cli::probe::main(&args[2..]),
        _ => cli::main(),
    };
    ExitCode::from(code)
}
