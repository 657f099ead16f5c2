//! Since when pods are silent, agent and server alike: others give up on them neither at once nor for ever.

use crate::cluster::partner_look::PartnerLook;
use std::collections::BTreeMap;

/// Milliseconds for which a pod has to be silent whose node does not so much as take a connection. A network that hiccups is back by
/// then.
pub(crate) const SILENT_MS: u64 = 2_000;
/// The same where its kernel takes connections, and no process says a word: one that is starved of processor time, or whose
/// postmaster cannot fork, comes back by itself.
pub(crate) const STARVED_MS: u64 = 10_000;
/// Milliseconds after which whoever could take over does not, and others need not be hurried for it.
pub(crate) const HURRY_MS: u64 = 60_000;

/// How a pod is silent, its agent and its server alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// Its kernel takes connections.
    Starved,
    /// Connections do not come about.
    Off,
}

impl Silence {
    /// As another pod has seen it.
    pub fn seen(look: &PartnerLook) -> Option<Silence> {
        look.silent.then_some(match look.takes_connections {
            true => Silence::Starved,
            false => Silence::Off,
        })
    }
}

/// Remembers since when pods are silent, and for which of them nothing came of it.
#[derive(Debug, Default)]
pub struct LostPods {
    since: BTreeMap<String, Since>,
}

#[derive(Clone, Copy, Debug)]
struct Since {
    silent: u64,
    off: Option<u64>,
}

impl LostPods {
    /// One of those that are lost, if there is one. `silent` are those that this look found silent, which began at
    /// `now_ms`. That never goes backwards.
    pub fn look(&mut self, silent: &BTreeMap<String, Silence>, now_ms: u64) -> Option<String> {
        self.since.retain(|pod, _| silent.contains_key(pod));
        for (pod, how) in silent {
            let since = self.since.entry(pod.clone()).or_insert(Since {
                silent: now_ms,
                off: None,
            });
            match how {
                Silence::Off => _ = since.off.get_or_insert(now_ms),
                Silence::Starved => since.off = None,
            }
        }
        let lost = |since: &Since| {
            let silent = now_ms - since.silent;
            let off = since.off.is_some_and(|at| now_ms - at >= SILENT_MS);
            silent < HURRY_MS && (off || silent >= STARVED_MS)
        };
        let mut all = self.since.iter();
        all.find(|(_, since)| lost(since)).map(|(pod, _)| pod.clone())
    }

    /// Whether one of them may be lost by `now_ms` + [`SILENT_MS`], and is not yet.
    pub fn is_undecided(&self, now_ms: u64) -> bool {
        let young = |since: &Since| since.off.is_some_and(|at| now_ms - at < SILENT_MS);
        self.since.values().any(young)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn a(how: Silence) -> BTreeMap<String, Silence> {
        BTreeMap::from([("a".to_string(), how)])
    }

    #[test]
    fn it_has_to_last_and_does_not_last_for_ever() {
        let mut watch = LostPods::default();
        let off = a(Silence::Off);
        assert_eq!(watch.look(&off, 1_000), None);
        assert_eq!(watch.look(&off, 999 + SILENT_MS), None);
        assert_eq!(watch.look(&off, 1_000 + SILENT_MS), Some("a".into()));
        assert_eq!(watch.look(&off, 1_000 + HURRY_MS), None, "nothing came of it");
        assert_eq!(watch.look(&BTreeMap::new(), 62_000), None);
        assert_eq!(watch.look(&off, 63_000), None, "begins anew");
        assert_eq!(watch.look(&off, 63_000 + SILENT_MS), Some("a".into()));
    }

    #[test]
    fn a_starved_one_gets_more_time_than_one_that_is_off() {
        let mut watch = LostPods::default();
        let (starved, off) = (a(Silence::Starved), a(Silence::Off));
        assert_eq!(watch.look(&starved, 0), None);
        assert_eq!(watch.look(&starved, STARVED_MS - 1), None);
        assert_eq!(watch.look(&starved, STARVED_MS), Some("a".into()));
        watch.look(&BTreeMap::new(), 20_000);
        assert_eq!(watch.look(&off, 21_000), None);
        assert_eq!(watch.look(&starved, 22_000), None, "its kernel is there");
        assert_eq!(watch.look(&off, 23_500), None);
        assert_eq!(watch.look(&off, 25_500), Some("a".into()));
    }

    proptest! {
        #[test]
        fn nobody_is_hurried_who_answered_lately(looks in proptest::collection::vec((0..3, 1..5_000u64), 1..40)) {
            let (mut watch, mut now, mut since, mut off_since) = (LostPods::default(), 0, None, None);
            for (how, step) in looks {
                now += step;
                let silent = match how {
                    0 => BTreeMap::new(),
                    1 => a(Silence::Starved),
                    _ => a(Silence::Off),
                };
                since = (how > 0).then(|| since.unwrap_or(now));
                off_since = (how > 1).then(|| off_since.unwrap_or(now));
                let lasts = |since: Option<u64>, ms: u64| since.is_some_and(|since| now - since >= ms);
                let late = since.is_some_and(|since| now - since >= HURRY_MS);
                let lost = watch.look(&silent, now).is_some();
                prop_assert_eq!(lost, !late && (lasts(off_since, SILENT_MS) || lasts(since, STARVED_MS)));
                prop_assert_eq!(watch.is_undecided(now), off_since.is_some() && !lasts(off_since, SILENT_MS));
            }
        }
    }
}
