//! gp-agent: from the command line to one of its verbs.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // init and probe come before the command-line parser: one has to stay small, the other cheap.
    let code = match args.get(1).and_then(|verb| verb.to_str()) {
        Some("init") => return gp_agent::init::main(args.into_iter().skip(2)),
        Some("probe") => gp_agent::cli::probe::main(&args[2..]),
        _ => gp_agent::cli::main(),
    };
    ExitCode::from(code)
}
