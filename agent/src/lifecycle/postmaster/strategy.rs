//! What differs between engines in the life of a postmaster. One of these is chosen once, on the page of the plot.

use anyhow::Result;
use gp_agent_core::postgres::start_decision::{Decision, Directory};
use std::io;
use std::time::Duration;

/// How one engine comes to a directory, and whose word counts before it is started.
pub(crate) trait EngineStrategy {
    /// What one round of questions to the peers brought.
    type Evidence: Clone;

    /// Whether a creation was begun here and has to be finished before anything is adopted or started.
    fn creation_is_unfinished(&self) -> bool;

    /// Creates an empty database, or goes on with a creation that was broken off. Can be dropped at any await.
    ///
    /// # Errors
    /// Why that cannot be done now; it is tried again.
    async fn create(&self) -> Result<()>;

    /// Copies the partner's database. Can be dropped at any await.
    ///
    /// # Errors
    /// Why that cannot be done now; it is tried again.
    async fn copy(&self) -> Result<()>;

    /// Makes the directory of a coordinator that was taken over from a standby's of the pod that took over. Can be dropped at any
    /// await.
    ///
    /// # Errors
    /// Why that cannot be done now; it is tried again.
    async fn rejoin(&self) -> Result<()>;

    /// One round of questions about this directory; silence is an answer too. What has to be remembered is on the volume
    /// when this returns.
    async fn ask(&self, own: &Directory) -> Self::Evidence;

    /// Whether anybody answered whose word counts.
    fn is_answer(&self, evidence: &Self::Evidence) -> bool;

    /// What to do with the directory. `asked_for` is how long the peers have been asked without a decision.
    fn decide(&self, own: &Directory, evidence: &Self::Evidence, asked_for: Duration) -> Decision;

    /// Whether peers are asked while a server runs on this directory.
    fn asks_while_running(&self, own: &Directory) -> bool;

    /// Why a server that runs writable on this directory has to stop.
    fn overtaken(&self, own: &Directory, evidence: &Self::Evidence) -> Option<String>;

    /// Whom to wait for before the directory is started; the words say who works on it.
    ///
    /// # Errors
    /// The processes cannot be listed.
    fn tools_first(&self, own: &Directory) -> io::Result<Option<String>>;

    /// Lets others start before a writable server; what a standby's server needs from elsewhere is brought. Can be dropped at
    /// any await.
    async fn before_start(&self, own: &Directory);

    /// A server runs.
    fn runs(&self);

    /// Lets others stop before this server. The caller limits the time.
    async fn before_stop(&self);

    /// Whether a tool takes away a directory whose server it has stopped, so that there is nothing left to start.
    fn tools_remove_directories(&self) -> bool;

    /// An administrator gives the postmaster back: what was given up is tried again.
    fn forgive(&self);
}
