//! Keys that were replaced a moment ago and still open the door.
//!
//! The pods of a cluster see a rotated Secret at different moments (kubelet syncs about once a minute), so a key that was
//! replaced stays accepted for a while. Only public halves are remembered.

use super::public_key::PublicKey;
use std::fmt::Write;
use std::time::Duration;

/// How long a replaced key stays accepted: several times kubelet's sync period plus the propagation delay of its cache.
pub const OVERLAP: Duration = Duration::from_secs(600);

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Proves the user.
    User,
    /// Proves the host.
    Host,
}

/// A key and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purposed {
    /// What it is for.
    pub purpose: Purpose,
    /// The key.
    pub key: PublicKey,
}

impl Purposed {
    /// Reads `user <key>` or `host <key>`.
    pub fn parse(line: &str) -> Option<Purposed> {
        let (word, key) = line.split_once(' ')?;
        let purpose = match word {
            "user" => Purpose::User,
            "host" => Purpose::Host,
            _ => return None,
        };
        let key = PublicKey::parse(key).ok()?;
        Some(Purposed { purpose, key })
    }

    /// The line that [`Purposed::parse`] reads.
    pub fn line(&self) -> String {
        let word = match self.purpose {
            Purpose::User => "user",
            Purpose::Host => "host",
        };
        format!("{word} {}", self.key)
    }
}

/// The replaced keys, each with the Unix second at which it was replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    replaced: Vec<(u64, Purposed)>,
}

impl Overlap {
    /// Reads what [`Overlap::render`] wrote; a line that is damaged is left out.
    pub fn parse(text: &str) -> Overlap {
        let replaced = text.lines().filter_map(|line| {
            let (since, key) = line.split_once(' ')?;
            Some((since.parse().ok()?, Purposed::parse(key)?))
        });
        Overlap {
            replaced: replaced.collect(),
        }
    }

    /// One line for each key: `<unix seconds> user|host <key>`.
    pub fn render(&self) -> String {
        self.replaced.iter().fold(String::new(), |mut text, (since, key)| {
            let _ = writeln!(text, "{since} {}", key.line());
            text
        })
    }

    /// `new` takes the place of `old` at `now`; true when that replaced a key. A key that comes back counts as current again.
    pub fn replace(&mut self, old: &[Purposed], new: &[Purposed], now: u64) -> bool {
        self.replaced.retain(|(_, key)| !new.contains(key));
        let gone: Vec<_> = old.iter().filter(|key| !new.contains(key)).collect();
        self.replaced.retain(|(_, key)| !gone.contains(&key));
        self.replaced.extend(gone.iter().map(|key| (now, (*key).clone())));
        self.replaced.sort();
        !gone.is_empty()
    }

    /// Forgets keys that were replaced `overlap` or longer ago; true when there were any. A time that lies in the future
    /// (the clock was set back) counts from now on.
    pub fn expire(&mut self, now: u64, overlap: Duration) -> bool {
        let before = self.replaced.len();
        for (since, _) in &mut self.replaced {
            *since = (*since).min(now);
        }
        self.replaced.retain(|(since, _)| now - since < overlap.as_secs());
        self.replaced.len() != before
    }

    /// Replaced keys of one purpose that are still accepted, oldest first.
    pub fn keys(&self, purpose: Purpose) -> impl Iterator<Item = &PublicKey> {
        self.replaced
            .iter()
            .filter(move |(_, key)| key.purpose == purpose)
            .map(|(_, key)| &key.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::key;
    use proptest::prelude::*;

    fn user(byte: u8) -> Purposed {
        Purposed {
            purpose: Purpose::User,
            key: key(byte),
        }
    }

    #[test]
    fn a_replaced_key_is_accepted_until_the_overlap_ends() {
        let mut overlap = Overlap::default();
        assert!(overlap.replace(&[user(1)], &[user(2)], 1000));
        assert_eq!(overlap.keys(Purpose::User).collect::<Vec<_>>(), [&key(1)]);
        assert_eq!(overlap.keys(Purpose::Host).count(), 0);
        assert!(!overlap.expire(1599, OVERLAP));
        assert!(overlap.expire(1600, OVERLAP));
        assert_eq!(overlap, Overlap::default());
    }

    #[test]
    fn two_rotations_within_the_overlap_keep_both() {
        let mut overlap = Overlap::default();
        overlap.replace(&[user(1)], &[user(2)], 1000);
        overlap.replace(&[user(2)], &[user(3)], 1100);
        assert_eq!(overlap.keys(Purpose::User).count(), 2);
        overlap.expire(1650, OVERLAP);
        assert_eq!(overlap.keys(Purpose::User).collect::<Vec<_>>(), [&key(2)]);
    }

    #[test]
    fn a_key_that_comes_back_is_no_longer_a_replaced_one() {
        let mut overlap = Overlap::default();
        overlap.replace(&[user(1)], &[user(2)], 1000);
        overlap.replace(&[user(2)], &[user(1)], 1001);
        assert_eq!(overlap.keys(Purpose::User).collect::<Vec<_>>(), [&key(2)]);
    }

    #[test]
    fn a_clock_set_back_does_not_keep_a_key_for_ever() {
        let mut overlap = Overlap::default();
        overlap.replace(&[user(1)], &[user(2)], 5000);
        assert!(!overlap.expire(1000, OVERLAP));
        assert!(overlap.expire(1600, OVERLAP));
    }

    #[test]
    fn damaged_lines_are_left_out() {
        let good = Overlap::parse(&format!("7 {}\n", user(1).line()));
        let text = format!("x\n9 user\n7 {}\n8 root {}\n", user(1).line(), key(2));
        assert_eq!(Overlap::parse(&text), good);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(steps in proptest::collection::vec((0u8..4, 0u8..4, 0u64..5000), 0..8)) {
            let mut overlap = Overlap::default();
            for (old, new, now) in steps {
                overlap.replace(&[user(old)], &[user(new)], now);
                prop_assert!(overlap.keys(Purpose::User).all(|k| *k != key(new)));
            }
            prop_assert_eq!(Overlap::parse(&overlap.render()), overlap);
        }
    }
}
