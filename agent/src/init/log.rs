//! init's log lines, in the shape of the agent's, without its library.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Write, stderr};
use std::time::{SystemTime, UNIX_EPOCH};

/// Severity, as wide as tracing writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The normal course of things.
    Info,
    /// Something had to be mended.
    Warn,
    /// Something could not be mended.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Info => " INFO",
            Level::Warn => " WARN",
            Level::Error => "ERROR",
        }
    }
}

/// A pipe that poll(2) calls writable takes this many bytes at once (PIPE_BUF): a shorter line never blocks.
const LONGEST_LINE: usize = 4096;

/// Writes one line to stderr, or drops it: when whoever collects the log has stopped reading, reaping still goes on.
pub fn line(level: Level, message: &str) {
    let mut line = format(SystemTime::now(), level, message);
    if line.len() >= LONGEST_LINE {
        let cut = (0..LONGEST_LINE - 1).rfind(|at| line.is_char_boundary(*at));
        line.truncate(cut.unwrap_or(0));
        line.push('\n');
    }
    let stderr = stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec::default();
    if poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready == 1) {
        let _ = stderr.lock().write_all(line.as_bytes());
    }
}

fn format(now: SystemTime, level: Level, message: &str) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86400, since.as_secs() % 86400);
    let (year, month, day) = civil(days);
    let message = message.replace(['\n', '\r'], " ");
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z {} gp_agent::init: {message}\n",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_micros(),
        level.word(),
    )
}

/// The Gregorian date of a day counted from 1970-01-01, for years that begin in March (Howard Hinnant's
/// `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

macro_rules! info { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Info, &format!($($word)*)) } }
macro_rules! warning { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Warn, &format!($($word)*)) } }
macro_rules! error { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::Level::Error, &format!($($word)*)) } }
pub(crate) use {error, info, warning};

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_looks_like_tracings() {
        let at = UNIX_EPOCH + Duration::from_micros(1_709_251_199_000_123);
        assert_eq!(
            format(at, Level::Info, "agent started pid=7\nreally"),
            "2024-02-29T23:59:59.000123Z  INFO gp_agent::init: agent started pid=7 really\n"
        );
    }

    #[test]
    fn dates_at_the_edges() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(47_540), (2100, 2, 28));
        assert_eq!(civil(47_541), (2100, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
