//! Servers that are lost: the others give up on them soon, and what they have left is ended.

mod hurry;
pub(super) mod mirrors;
pub(super) mod old_sessions;
pub(super) mod primaries;
