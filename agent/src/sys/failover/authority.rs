//! What every authority can do, and how it fails.

use futures_util::future::BoxFuture;
use gp_agent_core::cluster::failover_status::AuthorityKind;
use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use std::time::Duration;

/// Why the authority did not answer. The words say what was tried, on what, what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// It did not answer in time, or answered that it cannot now: it may be well in a moment.
    #[error("{0}")]
    Unavailable(String),
    /// It will not answer until a person has done something: rights, a read-only or missing directory, a file system that
    /// is no good for it.
    #[error("{0}")]
    Unusable(String),
}

/// Why a record was not written, or perhaps was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Not written: something else is there than what was to be written over. It has to be read again.
    #[error("somebody else has written the record")]
    Conflict,
    /// Not written.
    #[error("the record was not written: {0}")]
    Failed(AuthorityError),
    /// Perhaps written, now or later: only a read will tell.
    #[error("whether the record was written is unknown: {0}")]
    Unknown(AuthorityError),
}

/// Where the record lives. Every future is cancel-safe: given up, a write counts as [`WriteError::Unknown`].
pub trait Authority: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> AuthorityKind;

    /// Where the record is, for people: `Lease prod/warehouse-coordinator`, `/var/lib/gp-agent-failover`.
    fn place(&self) -> String;

    /// Takes what others will prove this pod's death by (R8), once, before the first write as its holder and before a
    /// server is started: in Kubernetes a word that the kubelet passes on, on one machine a lock.
    ///
    /// # Errors
    /// Without it nobody could tell that this pod is dead, and another might be told so: then do not become the holder.
    fn claim(&self, within: Duration) -> BoxFuture<'_, Result<(), AuthorityError>>;

    /// The record as it is now, never an older one.
    ///
    /// # Errors
    /// It cannot be told.
    fn read(&self, within: Duration) -> BoxFuture<'_, Result<(Seen, Version), AuthorityError>>;

    /// Writes the record if what is there is still what a read or a write called `over`, or nothing if that is `None`: compare
    /// and swap. The answer is the version that it left.
    ///
    /// # Errors
    /// See [`WriteError`].
    fn write(
        &self,
        record: Record,
        over: Option<Version>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Version, WriteError>>;

    /// Returns when the record has changed since the last call, or may have. It is a hint that saves time, and can fail to
    /// come: whoever waits for it reads at intervals besides.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// Whether it is known that no process of that holder's server is left which was there when the record was written that was
    /// read last (R8). `false` is no knowledge. A container of the same UID may have been started since; it has to write before
    /// it starts a server, so a write over the version that was read *before* this question is safe, and no other.
    ///
    /// # Errors
    /// It cannot be told.
    fn proof_of_death<'a>(
        &'a self,
        holder: &'a Holder,
        within: Duration,
    ) -> BoxFuture<'a, Result<bool, AuthorityError>>;
}
