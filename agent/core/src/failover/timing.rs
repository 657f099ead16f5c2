//! The numbers of the lease. All of them follow from one; that they fit each other is tested below.

use std::time::Duration;

/// The shortest lease that is allowed, in seconds: two renewals have to be able to fail.
pub(crate) const SHORTEST_LEASE: u32 = 6;
/// The longest, in seconds.
pub(crate) const LONGEST_LEASE: u32 = 60;

/// How long after the stream's end the SQL session beside it may end, to be the end of one server (R7).
pub(crate) const TOGETHER: Duration = Duration::from_millis(300);
/// How long a standby is silent before the coordinator goes on alone (R11).
pub(crate) const STANDBY_SILENT: Duration = Duration::from_secs(3);
/// From SIGKILL to the last process gone, see docs/design/failover.md.
const KILLED_WITHIN: Duration = Duration::from_millis(500);
/// How late a throttled init may be.
const INIT_IS_LATE: Duration = Duration::from_millis(500);
/// From a deadline to the last process gone.
pub(crate) const GONE_WITHIN: Duration = KILLED_WITHIN.saturating_add(INIT_IS_LATE);
/// How often a standby says something at the least (wal_receiver_status_interval, 10 s), with what may be in between.
const STANDBY_SPEAKS: Duration = Duration::from_secs(12);
/// Between two questions for a promise.
pub(crate) const PROMISE_EVERY: Duration = Duration::from_secs(1);
/// How long a holder that handed over waits for the other one before it takes the role back.
pub(crate) const TAKE_BACK_AFTER: Duration = Duration::from_secs(10);
/// By how much longer than the lease a candidate waits for a holder that it has never seen alive, or that stopped to come back.
pub(crate) const PREFERS_HOLDER: Duration = Duration::from_secs(30);
/// How long a server that answered before may leave the agent's session without an answer.
pub(crate) const SERVER_HANGS: Duration = Duration::from_secs(10);

/// So many crashes within that time are a loop.
pub(crate) const CRASH_LOOP: (usize, Duration) = (3, Duration::from_secs(60));

/// The times of one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    seconds: u32,
}

impl Timing {
    /// Those of a lease of `lease_seconds`, or of the nearest number that is allowed.
    pub fn new(lease_seconds: u32) -> Timing {
        Timing {
            seconds: lease_seconds.clamp(SHORTEST_LEASE, LONGEST_LEASE),
        }
    }

    /// The lease in seconds, as the record says it.
    pub fn lease_seconds(self) -> u32 {
        self.seconds
    }

    /// D: how long an observer sees the record unchanged before its holder counts as dead.
    pub fn lease(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// H: how long a holder writes after the sending of its last renewal.
    pub fn deadline(self) -> Duration {
        self.lease() * 7 / 10
    }

    /// R: between two renewals, and between two looks of an observer.
    pub(crate) fn renewal(self) -> Duration {
        self.lease() / 5
    }

    /// For how long a coordinator's server has to bear the silence of a standby that is in sync (R13). From a standby's last word
    /// on it lives so much shorter a time; two renewals have to be able to fail in it.
    pub(crate) fn least_patience(self) -> Duration {
        STANDBY_SPEAKS + self.renewal() + self.request() * 2
    }

    /// How long one request to the authority may take.
    pub fn request(self) -> Duration {
        self.renewal() * 3 / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Timing> {
        (SHORTEST_LEASE..=LONGEST_LEASE).map(Timing::new)
    }

    #[test]
    fn a_holder_is_dead_before_its_lease_is_over_on_the_fastest_of_clocks() {
        for t in all() {
            // Clocks differ by one per cent at most: the holder's is slow, the observer's fast.
            let dead = t.deadline() * 101 / 100 + GONE_WITHIN;
            assert!(dead < t.lease() * 99 / 100, "{t:?}: {dead:?}");
        }
    }

    #[test]
    fn one_renewal_may_be_lost() {
        for t in all() {
            assert!(t.renewal() + t.request() * 2 <= t.deadline(), "{t:?}");
        }
    }

    #[test]
    fn a_promise_can_be_asked_for_before_the_deadline() {
        for t in all() {
            // A renewal is due, times out, and then two questions find the time for an answer.
            assert!(t.renewal() + t.request() + PROMISE_EVERY < t.deadline(), "{t:?}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_brought_within() {
        assert_eq!(Timing::new(0).lease(), Duration::from_secs(6));
        assert_eq!(Timing::new(10).deadline(), Duration::from_secs(7));
        assert_eq!(Timing::new(10).renewal(), Duration::from_secs(2));
        assert_eq!(Timing::new(10).request(), Duration::from_millis(1500));
        assert_eq!(Timing::new(u32::MAX).lease(), Duration::from_secs(60));
    }
}
