//! Which role the label has to tell.

use crate::cluster::probes;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::Role;

/// Seconds that an agent that was started again has to see whether its database still serves, before it takes the label
/// away: the postmaster went on meanwhile, and its clients should not lose their Service for that.
const SETTLE_SECONDS: u64 = 10;

/// What the label should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DesiredRole {
    /// Not known yet; the label stays as it is.
    Undecided,
    /// No role is served: no label.
    Nothing,
    /// This role is served.
    Role(Role),
}

/// What the label should say of this pod: the verdict of the role endpoints ([`probes::role`]).
pub fn wanted(status: &PodStatus, now: u64) -> DesiredRole {
    match status.active_role {
        Some(role) if probes::role(status, role, now).ok => DesiredRole::Role(role),
        _ if may_still_serve(status, now) => DesiredRole::Undecided,
        _ => DesiredRole::Nothing,
    }
}

/// Whether this agent follows another one of the same container and has not heard of the database yet.
fn may_still_serve(status: &PodStatus, now: u64) -> bool {
    status.agent_restarts > 0
        && status.phase != Phase::Draining
        && status.postmaster.answered_at == 0
        && now.saturating_sub(status.agent_started) < SETTLE_SECONDS
}
