//! What the agent tells init, in the form of sd_notify(3): "I am alive", "this is the grace period", "keep this lock for me".

use std::fmt;
use std::time::Duration;

/// Room for one word; no word is so long that it fills it, so that one which does was cut off.
pub const ROOM: usize = 64;

const WATCHDOG: &str = "WATCHDOG=1";
const FD_STORE: &str = "FDSTORE=1";
/// sd_notify(3) leaves names that begin with `X_` to everybody.
const GRACE: &str = "X_GRACE_USEC=";
const FENCE: &str = "X_FENCE_USEC=";

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The agent's loop turns.
    Watchdog,
    /// Goes with the descriptor of a lock, in both directions.
    FdStore,
    /// The grace period.
    Grace(Duration),
    /// When init kills every database process, a moment of CLOCK_BOOTTIME; `None` takes it back.
    Fence(Option<Duration>),
}

impl Word {
    /// The word that was said; `None` when it is none, or not all of it.
    pub fn parse(said: &[u8]) -> Option<Word> {
        let said = str::from_utf8(said).ok().filter(|said| said.len() < ROOM)?;
        let micros = |name| {
            let number = said.strip_prefix(name)?.parse().ok()?;
            Some(Duration::from_micros(number))
        };
        match said {
            WATCHDOG => Some(Word::Watchdog),
            FD_STORE => Some(Word::FdStore),
            _ => {
                let fence = || micros(FENCE).map(|until| Word::Fence(Some(until).filter(|until| !until.is_zero())));
                micros(GRACE).map(Word::Grace).or_else(fence)
            }
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Watchdog => f.write_str(WATCHDOG),
            Word::FdStore => f.write_str(FD_STORE),
            Word::Grace(grace) => write!(f, "{GRACE}{}", grace.as_micros()),
            // Zero would take it back.
            Word::Fence(until) => write!(f, "{FENCE}{}", until.map_or(0, |until| until.as_micros().max(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_heard_as_it_is_said_and_none_that_was_cut_off() {
        let at = Duration::from_micros(u64::MAX);
        for (word, text) in [
            (Word::Watchdog, "WATCHDOG=1"),
            (Word::FdStore, "FDSTORE=1"),
            (Word::Grace(Duration::from_secs(90)), "X_GRACE_USEC=90000000"),
            (Word::Fence(None), "X_FENCE_USEC=0"),
            (Word::Fence(Some(at)), "X_FENCE_USEC=18446744073709551615"),
        ] {
            assert_eq!(word.to_string(), text);
            assert_eq!(Word::parse(text.as_bytes()), Some(word));
        }
        assert_eq!(Word::Fence(Some(Duration::ZERO)).to_string(), "X_FENCE_USEC=1");
        let long = format!("X_FENCE_USEC={:0>60}", 7_000_000);
        let cut = &long.as_bytes()[..ROOM];
        for wrong in [
            b"X_FENCE_USEC=-1",
            cut,
            b"X_GRACE_USEC=soon",
            b"WATCHDOG=1\n",
            b"\xff",
            b"",
        ] {
            assert_eq!(Word::parse(wrong), None, "{wrong:?}");
        }
    }
}
