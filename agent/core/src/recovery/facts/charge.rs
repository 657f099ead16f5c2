//! Whether the coordinator of a pod may decide about segments, by what the record says.

use crate::failover::candidate::{Doing, Standing};
use crate::failover::record::Mode;

/// Why it may not now; in words. Whether a server that takes writes may be *started* is another question: beside a standby in sync
/// it may not, while the one that runs goes on.
pub fn not_in_charge(standing: Standing, doing: Doing, mode: Mode) -> Option<String> {
    // With `failover.mode: manual` only the coordinator's role is left to people.
    if mode == Mode::Paused {
        return Some("failover is paused, and recovery with it: gp-agent failover resume".into());
    }
    if standing != Standing::Holder {
        return Some("this pod does not have the coordinator's role".into());
    }
    let settled = matches!(doing, Doing::Nothing | Doing::Confirming);
    (!settled).then(|| "the coordinator's role is changing pods".into())
}

/// How this pod comes not to have the coordinator's role, where it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostRole {
    /// Another pod has it.
    Elsewhere,
    /// Nobody can say; the server was stopped, or will be.
    Doubtful,
}

/// Whether it has lost it, by what the record says. While a role changes pods its holder has it yet.
pub fn lost_role(standing: Standing) -> Option<LostRole> {
    match standing {
        Standing::Holder => None,
        Standing::Other => Some(LostRole::Elsewhere),
        Standing::Unknown | Standing::Free | Standing::Doubtful => Some(LostRole::Doubtful),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_that_keeps_its_role_decides() {
        let free = |standing, doing| not_in_charge(standing, doing, Mode::Auto).is_none();
        assert!(free(Standing::Holder, Doing::Nothing));
        assert!(free(Standing::Holder, Doing::Confirming));
        for doing in [Doing::Stopping, Doing::HandingOver, Doing::Fencing, Doing::Promoting] {
            assert!(!free(Standing::Holder, doing), "{doing:?}");
        }
        for standing in [Standing::Unknown, Standing::Other, Standing::Free, Standing::Doubtful] {
            assert!(!free(standing, Doing::Nothing), "{standing:?}");
        }
        let with = |mode| not_in_charge(Standing::Holder, Doing::Nothing, mode);
        assert!(with(Mode::Paused).is_some());
        assert_eq!(with(Mode::Manual), None, "it says nothing of segments");
    }
}
