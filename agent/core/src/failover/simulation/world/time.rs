//! The world's time in milliseconds, and what a pod's clock makes of it.

use std::time::Duration;

/// By how many thousandths a clock is fast.
pub(crate) type Rate = i64;

/// How time passes in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pace {
    /// The lease, in seconds.
    pub(crate) lease: u32,
    /// Everything that happens by itself happens at a multiple of so many milliseconds, the next one.
    pub(crate) grid: u64,
    /// The agents look at least so often.
    pub(crate) looks: u64,
    /// The pods' clocks.
    pub(crate) rates: [Rate; 2],
}

impl Pace {
    /// For walks: the shortest lease, and every moment.
    pub(crate) fn fine(rates: [Rate; 2]) -> Pace {
        Pace {
            lease: 6,
            grid: 1,
            looks: 1000,
            rates,
        }
    }

    /// The grid on which all times of the shortest lease lie, or come too late: H as 7, D as 10 steps.
    pub(crate) const COARSE: Pace = Pace {
        lease: 6,
        grid: 600,
        looks: 1000,
        rates: [0, 0],
    };

    /// A finer one, and clocks that differ.
    pub(crate) const UNEQUAL: Pace = Pace {
        lease: 6,
        grid: 300,
        looks: 300,
        rates: [-5, 5],
    };

    /// The grid on which all times of the default lease lie: H as 14, D as 20 steps. With clocks that differ each comes one
    /// step late at the slow one.
    pub(crate) fn of_default_lease(rates: [Rate; 2]) -> Pace {
        Pace {
            lease: 10,
            grid: 500,
            looks: 1000,
            rates,
        }
    }
}

/// What the clock of a pod shows.
pub(crate) fn local(now: u64, rate: Rate) -> Duration {
    Duration::from_micros(now * 1000u64.saturating_add_signed(rate))
}

/// When the clock of a pod will show that.
pub(crate) fn global(local: Duration, rate: Rate) -> u64 {
    let micros = u64::try_from(local.as_micros()).expect("times are short here");
    micros.div_ceil(1000u64.saturating_add_signed(rate))
}
