//! How the directory of a coordinator that was taken over from comes to follow the one that took over.

use super::control_data::ControlData;
use crate::failover::lsn::Lsn;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct RejoinGround<'a> {
    /// pg_controldata of the old directory.
    pub control: &'a ControlData,
    /// Where the new coordinator's history left the old one's timeline; `None` when it does not come from it.
    pub left_at: Option<Lsn>,
    /// Tries in a row that failed.
    pub tries_failed: u32,
}

/// In this order, the first that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A standby of the new coordinator goes on from where it stopped.
    AsItIs,
    /// Back to this place (pg_rewind), and on from there.
    Rewind(Lsn),
    /// A copy of the new coordinator; why nothing less helps.
    Copy(String),
}

/// After so many tries that failed only a copy is left.
const TRIES: u32 = 3;

/// Decides. A server that stopped in order wrote its checkpoint last: when the timeline was left behind that, all that it wrote
/// is in the new one.
pub fn way(ground: &RejoinGround<'_>) -> Way {
    let Some(left_at) = ground.left_at else {
        return Way::Copy("the new coordinator's timeline does not come from this directory's".into());
    };
    let stopped_at = ground
        .control
        .checkpoint
        .as_deref()
        .and_then(|at| at.parse::<Lsn>().ok());
    let in_order = ground.control.shut_down_cleanly();
    match stopped_at {
        Some(stopped_at) if in_order && stopped_at < left_at => Way::AsItIs,
        _ if ground.tries_failed >= TRIES => Way::Copy(format!("{TRIES} tries to go back to {left_at} failed")),
        _ => Way::Rewind(left_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(state: &str, checkpoint: &str, left_at: Option<u64>, tries_failed: u32) -> Way {
        let control = ControlData {
            state: Some(state.into()),
            checkpoint: Some(checkpoint.into()),
            timeline: Some(1),
            ..ControlData::default()
        };
        way(&RejoinGround {
            control: &control,
            left_at: left_at.map(Lsn),
            tries_failed,
        })
    }

    #[test]
    fn who_stopped_in_order_before_the_new_timeline_follows_as_it_is() {
        assert_eq!(decide("shut down", "0/3000028", Some(0x300_00a0), 0), Way::AsItIs);
        assert_eq!(decide("shut down", "0/3000028", Some(0x300_00a0), 9), Way::AsItIs);
    }

    #[test]
    fn who_crashed_or_is_ahead_goes_back() {
        let back = Way::Rewind(Lsn(0x300_00a0));
        assert_eq!(decide("in production", "0/3000028", Some(0x300_00a0), 0), back);
        assert_eq!(decide("shut down", "0/30000A0", Some(0x300_00a0), 0), back);
        assert_eq!(decide("shut down", "0/4000028", Some(0x300_00a0), 2), back);
        assert_eq!(decide("shut down", "garbage", Some(0x300_00a0), 2), back);
    }

    #[test]
    fn what_has_no_common_place_or_fails_again_and_again_is_copied() {
        assert!(matches!(decide("shut down", "0/3000028", None, 0), Way::Copy(_)));
        assert!(matches!(decide("in production", "0/3000028", Some(1), 3), Way::Copy(_)));
    }
}
