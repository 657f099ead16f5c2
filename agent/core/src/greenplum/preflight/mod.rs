//! What gpinitsystem and the other Greenplum tools need on every host, judged before they run, all of it at once.
//!
//! Each host's agent looks at its own host ([`crate::sys::preflight`]); the coordinator's agent judges what all of them say.

mod cluster;
mod facts;
mod host;
#[cfg(test)]
mod tests;

pub use cluster::{Judgement, judge};
pub use facts::{
    COMMANDS, HostFacts, HostQuestion, Look, LookError, ParentDirectory, PreflightAnswer, Rules, arguments, python_of,
    read_answer, same_locale,
};
