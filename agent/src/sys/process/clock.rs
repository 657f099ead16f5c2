//! What the agent knows of the time. How long something takes is measured with `Instant`; what is compared with a moment that a
//! document names goes by [`now`]; [`wall`] is for people and files.

use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix seconds, as this process counts them: the time of day at its first look, and what has passed since. A clock that is set
/// meanwhile (NTP on a node that has just booted, a virtual machine that was moved) neither ages nor refreshes an answer. Time
/// that the machine sleeps counts (CLOCK_BOOTTIME): what was said before is old by then.
pub fn now() -> u64 {
    static BEGIN: OnceLock<(Duration, Duration)> = OnceLock::new();
    let (began, boot) = BEGIN.get_or_init(|| (since_epoch(), boottime()));
    (*began + boottime().saturating_sub(*boot)).as_secs()
}

/// Unix seconds by the clock on the wall, which may be set at any moment.
pub(crate) fn wall() -> u64 {
    since_epoch().as_secs()
}

/// The same to compare with the times of files, which go by that clock.
pub(crate) fn file_time() -> SystemTime {
    SystemTime::now()
}

/// Since 1970-01-01T00:00:00Z by the clock on the wall; nothing while it is set to before that.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// CLOCK_BOOTTIME: since the machine was started, asleep or awake. Nobody can set it, and all processes of a container have
/// the same one.
pub fn boottime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_time_begins_at_the_time_of_day_and_never_goes_back() {
        let before = wall();
        let seen: Vec<u64> = (0..1000).map(|_| now()).collect();
        assert!(seen.is_sorted());
        // Its first look may have been by another test of this process.
        assert!(seen[0] + 1 >= before);
    }
}
