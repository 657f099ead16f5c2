//! The rules of the protocol, each left out once: the model checker has to find every one of them missing.

/// One rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutant {
    /// R1: a server is started on the word of a record that was only read.
    StartsWithoutOwnWrite,
    /// R3: deadlines count from when the answer came.
    CountsFromAnswer,
    /// R6: no lease is waited for.
    DoesNotWait,
    /// R7: whoever is not in sync takes over.
    TakesOutOfSync,
    /// R7: a connection that ended alone, or another one, is as good.
    IgnoresStream,
    /// R7: what was seen here before the holder's server was dead counts.
    TakesByOldFacts,
    /// R8: a proof of death that is older than the record counts.
    TakesOldProof,
    /// R10: a record that is older than one seen before is gone by.
    TrustsOlderRecord,
    /// R11: commits stop waiting before the record says so.
    ReleasesCommitsFirst,
    /// R12: a server starts while the standby is in sync.
    StartsInSync,
    /// R13: a coordinator lives on while its server gives up the silent standby that is in sync.
    OutlivesStream,
    /// R2: the promise of a pod that was replaced counts.
    BelievesAnybody,
    /// R2: the standby takes over in spite of its promise.
    BreaksPromise,
    /// A write whose answer was lost is taken for one that never was.
    ForgetsLostWrites,
    /// A proof that commits wait counts although they were let go since.
    TakesOldProofOfWaiting,
    /// A standby that is not proven to have everything is in sync.
    ConfirmsUnproven,
    /// A released record is taken by one that has not received the end of the log.
    TakesReleasedIncomplete,
    /// A pod that ends takes over.
    TakesWhileDraining,
    /// A pod goes on for an earlier one of its name on whatever volume it has.
    ResumesWithoutMemory,
}
