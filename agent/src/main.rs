//! gp-agent, the program.

fn main() -> std::process::ExitCode {
    gp_agent::main()
}
