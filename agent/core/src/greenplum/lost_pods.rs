//! Since when pods are silent, agent and server alike: others give up on them neither at once nor for ever.

use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds for which a pod has to be silent. A server that was killed, or a network that hiccups, is back by then.
pub(crate) const SILENT_MS: u64 = 2_000;
/// Milliseconds after which whoever could take over does not, and others need not be hurried for it.
pub(crate) const HURRY_MS: u64 = 60_000;

/// Remembers since when pods are silent, and for which of them nothing came of it.
#[derive(Debug, Default)]
pub struct LostPods {
    silent_since: BTreeMap<String, u64>,
}

impl LostPods {
    /// One of those that are lost, if there is one. `silent` are those that this look found silent, which began at
    /// `now_ms`. That never goes backwards.
    pub fn look(&mut self, silent: &BTreeSet<String>, now_ms: u64) -> Option<String> {
        self.silent_since.retain(|pod, _| silent.contains(pod));
        for pod in silent {
            self.silent_since.entry(pod.clone()).or_insert(now_ms);
        }
        let lost = |since: u64| (SILENT_MS..HURRY_MS).contains(&(now_ms - since));
        let mut all = self.silent_since.iter();
        all.find(|(_, since)| lost(**since)).map(|(pod, _)| pod.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_has_to_last_and_does_not_last_for_ever() {
        let mut watch = LostPods::default();
        let a = BTreeSet::from(["a".to_string()]);
        assert_eq!(watch.look(&a, 1_000), None);
        assert_eq!(watch.look(&a, 999 + SILENT_MS), None);
        assert_eq!(watch.look(&a, 1_000 + SILENT_MS), Some("a".into()));
        assert_eq!(watch.look(&a, 1_000 + HURRY_MS), None, "nothing came of it");
        assert_eq!(watch.look(&BTreeSet::new(), 62_000), None);
        assert_eq!(watch.look(&a, 63_000), None, "begins anew");
        assert_eq!(watch.look(&a, 63_000 + SILENT_MS), Some("a".into()));
    }

    proptest! {
        #[test]
        fn nobody_is_hurried_who_answered_lately(looks in proptest::collection::vec((any::<bool>(), 1..5_000u64), 1..40)) {
            let (mut watch, mut now, mut since) = (LostPods::default(), 0, None);
            for (is_silent, step) in looks {
                now += step;
                let silent: BTreeSet<String> = is_silent.then(|| "a".to_string()).into_iter().collect();
                since = is_silent.then(|| since.unwrap_or(now));
                let lost = watch.look(&silent, now).is_some();
                prop_assert_eq!(lost, since.is_some_and(|since| (SILENT_MS..HURRY_MS).contains(&(now - since))));
            }
        }
    }
}
