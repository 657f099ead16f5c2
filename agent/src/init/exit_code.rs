//! How init ends, and the exit code that says so.

use crate::sys::process::Ended;
use std::fmt;
use std::io;

/// The end of init. The worst thing that happened decides.
///
/// Codes of the agent itself are handed on, so the agent should keep to 1..=63.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// 0: the agent ended with code 0, and nothing needed force.
    Drained,
    /// The agent's own code, or 128 + its signal, as shells do: it failed while it drained. Nothing needed force.
    AgentFailed(Ended),
    /// 70: a postmaster needed an immediate shutdown (SIGQUIT) from init; it recovers from its log when it next starts.
    Immediate,
    /// 71: the agent, sshd or another helper had to be killed; no database was.
    Killed,
    /// 72: a database's processes had to be killed; it recovers from its log when it next starts.
    DatabaseKilled,
    /// 73: something could not even be killed in time.
    Abandoned,
    /// 1: init could not set itself up, or the agent could not be started at first (no memory, too many processes).
    CannotBegin(io::Error),
    /// 126: the agent's program is there, but may not or cannot be executed.
    NotExecutable(io::Error),
    /// 127: the agent's program is not there.
    NotFound(io::Error),
}

/// 64 (EX_USAGE of sysexits.h): a bad option.
pub(crate) const USAGE_CODE: u8 = 64;

/// Every exit code and what it means, for `gp-agent init --help` and the reference (docs/reference/exit-codes.md).
pub const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "everything was stopped in order"),
    ("1", "init could not begin, or not start the agent at first"),
    ("64", "wrong options"),
    (
        "70",
        "a postmaster was stopped with SIGQUIT by init; it recovers when it next starts",
    ),
    (
        "71",
        "the agent, sshd or another helper had to be killed; no database was",
    ),
    ("72", "a database had to be killed; it recovers when it next starts"),
    ("73", "something could not even be killed in time"),
    ("126", "the program to run cannot be executed"),
    ("127", "the program to run is not there"),
    (
        "others",
        "the agent's own, or 128 plus its signal, when it failed while it drained",
    ),
];

/// [`EXIT_CODES`] as they stand below the options.
pub(crate) fn exit_codes_help() -> String {
    let mut help = "Exit codes:".to_string();
    for (code, meaning) in EXIT_CODES {
        help.push_str(&format!("\n  {code:<8}  {meaning}"));
    }
    help
}

impl Outcome {
    /// The outcome of a first start that failed.
    pub(crate) fn of_start(error: io::Error) -> Outcome {
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => Outcome::NotFound(error),
            Some(libc::EACCES | libc::EPERM | libc::ENOEXEC | libc::EISDIR) => Outcome::NotExecutable(error),
            _ => Outcome::CannotBegin(error),
        }
    }

    /// init's exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Outcome::Drained => 0,
            Outcome::AgentFailed(Ended::Exited(code)) => u8::try_from(*code).unwrap_or(u8::MAX),
            Outcome::AgentFailed(Ended::Signaled(signal)) => u8::try_from(128 + *signal).unwrap_or(u8::MAX),
            Outcome::AgentFailed(Ended::Unknown) | Outcome::CannotBegin(_) => 1,
            Outcome::Immediate => 70,
            Outcome::Killed => 71,
            Outcome::DatabaseKilled => 72,
            Outcome::Abandoned => 73,
            Outcome::NotExecutable(_) => 126,
            Outcome::NotFound(_) => 127,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Drained => f.write_str("everything was stopped in order"),
            Outcome::AgentFailed(ended) => write!(f, "the agent {ended} before it had drained"),
            Outcome::Immediate => {
                f.write_str("a postmaster needed SIGQUIT from init and will recover at its next start; a longer grace period may help")
            }
            Outcome::Killed => f.write_str("the agent or a helper needed SIGKILL; no database did"),
            Outcome::DatabaseKilled => {
                f.write_str("a database needed SIGKILL and will recover at its next start; look for a stuck disk, or lengthen the grace period")
            }
            Outcome::Abandoned => {
                f.write_str("processes are left that SIGKILL did not end in time; look for a stuck disk")
            }
            Outcome::CannotBegin(error) => write!(f, "init could not begin: {error}"),
            Outcome::NotExecutable(error) => write!(
                f,
                "the agent's program cannot be executed: {error}; check its mode, its architecture and noexec mounts"
            ),
            Outcome::NotFound(error) => {
                write!(f, "the agent's program is not there: {error}; check the image and PATH")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let error = |errno| Outcome::of_start(io::Error::from_raw_os_error(errno)).code();
        assert_eq!(error(libc::ENOENT), 127);
        assert_eq!(error(libc::EACCES), 126);
        assert_eq!(error(libc::EAGAIN), 1);
        assert_eq!(Outcome::Drained.code(), 0);
        assert_eq!(Outcome::AgentFailed(Ended::Exited(9)).code(), 9);
        assert_eq!(Outcome::AgentFailed(Ended::Signaled(libc::SIGTERM)).code(), 143);
        let forced = [
            Outcome::Immediate,
            Outcome::Killed,
            Outcome::DatabaseKilled,
            Outcome::Abandoned,
        ];
        assert_eq!(forced.map(|o| o.code()), [70, 71, 72, 73]);
    }

    #[test]
    fn the_reference_has_every_code() {
        let ends = [
            Outcome::Drained,
            Outcome::Immediate,
            Outcome::Killed,
            Outcome::DatabaseKilled,
            Outcome::Abandoned,
            Outcome::of_start(io::Error::from_raw_os_error(libc::EAGAIN)),
            Outcome::of_start(io::Error::from_raw_os_error(libc::EACCES)),
            Outcome::of_start(io::Error::from_raw_os_error(libc::ENOENT)),
        ];
        let mut codes: Vec<u8> = ends.iter().map(Outcome::code).chain([USAGE_CODE]).collect();
        codes.sort_unstable();
        let listed: Vec<u8> = EXIT_CODES.iter().filter_map(|(code, _)| code.parse().ok()).collect();
        assert_eq!(listed, codes);
    }
}
