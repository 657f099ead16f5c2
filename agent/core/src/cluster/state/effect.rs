//! What the owner of the state has to do after a change.

use crate::cluster::phase::Phase;

/// To be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A line for the log.
    Log {
        /// How grave it is.
        level: LineLevel,
        /// The phase that the pod has come to, when the line is about that.
        phase: Option<Phase>,
        /// The line.
        line: String,
    },
    /// The settings files have to be looked at now: a server answers, or the cluster has come to exist.
    LookAtSettings,
    /// A step that [`crate::cluster::phase::MAY_FOLLOW`] does not have: a defect of the agent, in words.
    Unforeseen(String),
}

/// How grave a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineLevel {
    /// Good to know.
    Info,
    /// Works, but should be looked at.
    Warning,
    /// Keeps the pod from its work.
    Error,
}
