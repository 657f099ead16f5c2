//! The wall clock: all that the agent knows of the time of day. How long something takes is measured with `Instant`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix seconds now.
pub fn now() -> u64 {
    since_epoch().as_secs()
}

/// Since 1970-01-01T00:00:00Z; nothing while the clock is set to before that.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
