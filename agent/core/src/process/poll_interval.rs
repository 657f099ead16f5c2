//! Pauses between two looks at something that is awaited: short at first, longer the longer it takes.

use std::time::Duration;

/// Each pause is half as long again as the one before it, up to a longest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollInterval {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl PollInterval {
    /// Nothing was waited for yet.
    pub const fn new(first: Duration, longest: Duration) -> PollInterval {
        PollInterval {
            first,
            next: first,
            longest,
        }
    }

    /// The pause before the next look.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = pause.saturating_mul(3) / 2;
        pause
    }

    /// Something new is awaited.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_to_the_longest_and_begin_again() {
        let ms = Duration::from_millis;
        let mut pauses = PollInterval::new(ms(100), ms(400));
        let six: Vec<u128> = (0..6).map(|_| pauses.pause().as_millis()).collect();
        assert_eq!(six, [100, 150, 225, 337, 400, 400]);
        pauses.reset();
        assert_eq!(pauses.pause(), ms(100));
    }
}
