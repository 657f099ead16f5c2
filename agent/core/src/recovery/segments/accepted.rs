//! Damaged pages that somebody has looked at: only more of them are in the way again.

use crate::recovery::facts::damage;
use crate::recovery::facts::evidence::Pair;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many of which pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accepted(BTreeMap<String, u64>);

impl Accepted {
    pub(super) fn get(&self, pod: &str) -> Option<&u64> {
        self.0.get(pod)
    }

    /// Somebody has asked that this one is copied from as it is.
    pub(in crate::recovery) fn take(&mut self, pair: &Pair) {
        let Some(primary) = &pair.primary else { return };
        if let (Some(pod), Some(server)) = (&primary.pod, &primary.server) {
            let pages = damage::total(&server.damaged);
            if pages > 0 {
                self.0.insert(pod.clone(), pages);
            }
        }
    }

    /// Its directory is made anew: nobody has looked at what may be found there.
    pub(in crate::recovery) fn forget(&mut self, pod: &str) {
        self.0.remove(pod);
    }
}
