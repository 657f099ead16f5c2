//! A fault that a round may have.

use super::fault::{Fault, Target};

/// Whom it is done to, what, and for how long.
pub(super) struct Choice {
    /// Its number among the scenarios.
    pub(super) number: u8,
    pub(super) target: Target,
    pub(super) fault: Fault,
    /// It lasts so many milliseconds, or up to so many; 0 when it is over at once.
    pub(super) lasts: (u64, u64),
}

pub(super) const fn at_once(number: u8, target: Target, fault: Fault) -> Choice {
    Choice {
        number,
        target,
        fault,
        lasts: (0, 0),
    }
}

pub(super) const fn lasting(number: u8, target: Target, fault: Fault, least: u64, most: u64) -> Choice {
    Choice {
        number,
        target,
        fault,
        lasts: (least, most),
    }
}
