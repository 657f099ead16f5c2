//! `gp-agent probe startup|ready|live`: asks the agent over its unix socket. Called every few seconds for years, so it
//! takes no runtime and no command-line parser.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const USAGE: &str = "usage: gp-agent probe startup|ready|live\n\
    exit code 0: yes; 1: no, or the agent does not answer; 64: wrong usage";

/// `args` are the words after `probe`.
pub fn main(args: &[OsString]) -> u8 {
    let path = match args {
        [what] => match what.to_str() {
            Some("startup") => "/startupz",
            Some("ready") => "/readyz",
            Some("live") => "/livez",
            Some("--help" | "-h") => return say(USAGE, 0),
            _ => return say(USAGE, 64),
        },
        _ => return say(USAGE, 64),
    };
    match super::ask("GET", path, "", ANSWER_WITHIN) {
        Ok((code, why)) => say(why.trim_end(), u8::from(code != 200)),
        Err(words) => say(&words, 1),
    }
}

fn say(line: &str, code: u8) -> u8 {
    // A reader that went away must not turn a yes into a no.
    let _ = writeln!(std::io::stdout(), "{line}");
    code
}
