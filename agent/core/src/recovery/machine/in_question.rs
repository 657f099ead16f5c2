//! Since when a tool that runs is in question.

/// Since when it is not known who has the coordinator's role, and since when none of the servers answers that it works on.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::recovery) struct InQuestion {
    pub(super) doubtful: Option<u64>,
    pub(super) stuck: Option<u64>,
}
