//! `gp-agent probe startup|ready|live`: asks the agent over its unix socket. Called every few seconds for years, so it
//! takes no runtime and no command-line parser.

use super::status::{ask_agent, tell};
use std::ffi::OsString;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const USAGE: &str = "\
usage: gp-agent probe startup|ready|live

  startup  whether this pod can take part
  ready    whether this pod does the work of its role now
  live     whether the agent's loop turns

The question goes to the agent over the unix socket in GP_AGENT_RUN_DIR.
Exit codes: 0 yes; 1 no, or the agent does not answer; 64 wrong command line.";

/// `args` are the words after `probe`. One line on standard output says why; the exit code is 0, 1 or 64.
pub(crate) fn main(args: &[OsString]) -> u8 {
    let word = match args {
        [word] => word.to_str(),
        _ => None,
    };
    let path = match word {
        Some("startup") => "/startupz",
        Some("ready") => "/readyz",
        Some("live") => "/livez",
        Some("--help" | "-h") => {
            tell(USAGE);
            return 0;
        }
        _ => {
            eprintln!("{USAGE}");
            return super::USAGE;
        }
    };
    match ask_agent("GET", path, "", ANSWER_WITHIN) {
        Ok((code, why)) => {
            tell(why.trim_end());
            u8::from(code != 200)
        }
        Err(error) => {
            tell(&error.to_string());
            1
        }
    }
}
