//! Waiting for what happens in other processes, never longer than a deadline.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Long enough for anything on a machine with two cores that others use as well: a real Greenplum is created in one minute, or
/// in five. Only failing tests last as long.
pub const PATIENCE: Duration = Duration::from_secs(600);

const BETWEEN: Duration = Duration::from_millis(150);

/// Asks again and again until the answer is `Ok`.
///
/// # Errors
/// The last answer, once [`PATIENCE`] is over.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(why) if Instant::now() >= deadline => {
                bail!("not within {} s: {what}; last: {why:#}", PATIENCE.as_secs())
            }
            Err(_) => std::thread::sleep(BETWEEN),
        }
    }
}
