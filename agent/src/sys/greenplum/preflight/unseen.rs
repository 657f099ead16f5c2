//! Why something on this host could not be looked at.

use gp_agent_core::greenplum::preflight::LookError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinError;

/// What went wrong; the coordinator's agent is told the words.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unseen {
    /// No folder that is searched has the program, or the file is missing.
    #[error("{0} is not there")]
    Missing(String),
    /// A home of Greenplum without the script that sets the tools' environment.
    #[error("{} has neither {} nor {}", home.display(), scripts[0], scripts[1])]
    NoScript {
        /// That home.
        home: PathBuf,
        /// What it would be called.
        scripts: [&'static str; 2],
    },
    /// The program was killed, since it took too long.
    #[error("{program} did not end within {} s", limit.as_secs())]
    Late {
        /// The program's name.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// The program cannot be executed.
    #[error("cannot run {}: {source}", program.display())]
    Start {
        /// Where it is.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The program says so, in its own words where it has any.
    #[error("{0}")]
    Failed(String),
    /// The Python of the tools does not import their library.
    #[error("{python}: {why}")]
    Python {
        /// As the tools call it.
        python: String,
        /// The last line of what it says.
        why: String,
    },
    /// The volume hangs.
    #[error("the disk does not answer within {} s", .0.as_secs())]
    Hangs(Duration),
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] io::Error),
    /// The look itself was broken off.
    #[error(transparent)]
    BrokenOff(#[from] JoinError),
}

impl From<Unseen> for LookError {
    fn from(unseen: Unseen) -> LookError {
        LookError::new(unseen)
    }
}
