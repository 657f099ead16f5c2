//! gp-agent: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Before any command-line library: PID 1 stays small.
    if args.next().is_some_and(|verb| verb == "init") {
        return gp_agent::init::main(args);
    }
    ExitCode::FAILURE
}
