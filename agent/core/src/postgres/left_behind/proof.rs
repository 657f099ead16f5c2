//! Whether a replica is left behind. A copy costs much, so nothing is believed that is not proven: who is only slow, whose
//! coordinator is away, or who gets write-ahead log from an archive is not left behind.

use crate::postgres::wal_name::WalName;
use crate::process::timeouts;
use std::time::Duration;

/// So long nothing has to have streamed, while the other server takes writes. A replica that lost its connection is back within
/// seconds.
const SILENT_FOR: Duration = timeouts::STREAM_SILENT;

/// What is known once the silence has lasted.
#[derive(Clone, Copy, Debug)]
pub struct SilenceEvidence {
    /// The first segment that is not whole here, from the one on that is replayed now; `None` when that cannot be told.
    pub needs: Option<WalName>,
    /// The oldest segment of the server that it follows.
    pub oldest: Option<WalName>,
    /// Whether `restore_command` brings write-ahead log from elsewhere; `None` when that cannot be told.
    pub restores: Option<bool>,
}

/// It can never go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// What it needs.
    pub needs: WalName,
    /// The oldest that is left there.
    pub oldest: WalName,
}

/// How long nothing has streamed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    since: Option<Duration>,
}

impl Silence {
    /// Takes in a look at `now`, which counts from any fixed moment: whether the replica runs and receives nothing although the
    /// other server takes writes. Says whether that has lasted.
    pub fn lasts(&mut self, now: Duration, silent: bool) -> bool {
        if !silent {
            self.since = None;
            return false;
        }
        now.saturating_sub(*self.since.get_or_insert(now)) >= SILENT_FOR
    }

    /// Whether the replica is left behind, at `now`.
    pub fn judge(&self, now: Duration, evidence: &SilenceEvidence) -> Option<Behind> {
        let lasted = self.since.is_some_and(|since| now.saturating_sub(since) >= SILENT_FOR);
        evidence.behind().filter(|_| lasted)
    }
}

impl SilenceEvidence {
    /// What it is by this alone: where it was proven before, and the server has been stopped since.
    pub fn behind(&self) -> Option<Behind> {
        let (needs, oldest) = (self.needs?, self.oldest?);
        (self.restores == Some(false) && needs.is_before(oldest)).then_some(Behind { needs, oldest })
    }
}

/// Whether a copy of `bytes` fits beside what is on a volume with so many free: it takes a tenth more, for what is written
/// meanwhile.
pub fn has_room(bytes: u64, free: u64) -> bool {
    bytes.saturating_add(bytes / 10) <= free
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(timeline: u32, place: u32) -> WalName {
        WalName::parse(&format!("{timeline:08X}00000000{place:08X}")).unwrap()
    }

    #[test]
    fn timelines_do_not_count() {
        let evidence = |needs, oldest| SilenceEvidence {
            needs: Some(needs),
            oldest: Some(oldest),
            restores: Some(false),
        };
        assert_eq!(evidence(name(1, 7), name(2, 7)).behind(), None);
        assert_eq!(evidence(name(2, 7), name(1, 3)).behind(), None);
        assert!(evidence(name(1, 7), name(2, 8)).behind().is_some());
        assert!(evidence(name(2, 7), name(1, 8)).behind().is_some());
    }

    fn evidence() -> impl Strategy<Value = SilenceEvidence> {
        let some = || {
            prop::option::weighted(
                0.9,
                (1u32..3, 0u32..4).prop_map(|(timeline, place)| name(timeline, place)),
            )
        };
        let restores = prop_oneof![5 => Just(Some(false)), 1 => Just(Some(true)), 1 => Just(None)];
        (some(), some(), restores).prop_map(|(needs, oldest, restores)| SilenceEvidence {
            needs,
            oldest,
            restores,
        })
    }

    proptest! {
        /// Whatever is seen in whatever order: it is left behind if and only if every look of the last 30 s, and one at least as
        /// old, was silent, it lacks what is older than all that is left there, and nobody else brings that.
        #[test]
        fn only_a_long_silence_with_a_gap_that_nobody_fills_is_a_proof(
            looks in proptest::collection::vec((0u64..20, prop::bool::weighted(0.9), evidence()), 1..40)
        ) {
            let mut silence = Silence::default();
            let mut seen: Vec<(Duration, bool)> = Vec::new();
            let mut now = Duration::ZERO;
            for (pause, silent, evidence) in looks {
                now += Duration::from_secs(pause);
                seen.push((now, silent));
                let lasts = silence.lasts(now, silent);
                let begun = seen.iter().rev().take_while(|(_, silent)| *silent).last().map(|(at, _)| *at);
                let lasted = begun.is_some_and(|begun| now.saturating_sub(begun) >= SILENT_FOR);
                prop_assert_eq!(lasts, lasted);
                let gap = matches!((evidence.needs, evidence.oldest), (Some(needs), Some(oldest)) if needs.place() < oldest.place());
                let behind = silence.judge(now, &evidence);
                prop_assert_eq!(behind.is_some(), lasted && gap && evidence.restores == Some(false));
                if let Some(Behind { needs, oldest }) = behind {
                    prop_assert!(needs.is_before(oldest));
                }
            }
        }

        #[test]
        fn a_copy_needs_more_room_than_what_is_copied(bytes in 0u64..1 << 50, free in 0u64..1 << 51) {
            prop_assert!(!has_room(bytes, free) || free >= bytes);
            prop_assert!(has_room(bytes, bytes + bytes / 10));
        }
    }
}
