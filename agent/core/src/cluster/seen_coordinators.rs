//! The newest coordinators that were heard of. A number alone tells nothing: the volume of one segment may be an earlier
//! cluster's, restored from a backup, and its coordinators were others.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By the system identifier of the coordinator's database, the newest timeline. What 0.1.0 wrote down and tells has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenCoordinators(BTreeMap<String, u32>);

/// In place of a system identifier that was not told.
const UNNAMED: &str = "";

impl SeenCoordinators {
    /// One of them.
    pub fn one(system_id: Option<&str>, timeline: u32) -> SeenCoordinators {
        let mut seen = SeenCoordinators::default();
        seen.add(system_id.unwrap_or(UNNAMED), timeline);
        seen
    }

    fn add(&mut self, system_id: &str, timeline: u32) {
        if timeline > 0 {
            let known = self.0.entry(system_id.to_string()).or_default();
            *known = timeline.max(*known);
        }
        self.explain();
    }

    /// A number without a name is the one of a coordinator that is known to be as new.
    fn explain(&mut self) {
        let named = self.0.iter().filter(|(id, _)| id.as_str() != UNNAMED);
        let newest = named.map(|(_, timeline)| *timeline).max().unwrap_or(0);
        if self.0.get(UNNAMED).is_some_and(|unnamed| *unnamed <= newest) {
            self.0.remove(UNNAMED);
        }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: &SeenCoordinators) -> SeenCoordinators {
        for (id, timeline) in &others.0 {
            self.add(id, *timeline);
        }
        self
    }

    /// Those whose system identifier is known.
    #[must_use]
    pub fn named(&self) -> SeenCoordinators {
        let named = self.0.iter().filter(|(id, _)| id.as_str() != UNNAMED);
        SeenCoordinators(named.map(|(id, timeline)| (id.clone(), *timeline)).collect())
    }

    /// Whether nobody was heard of: as far as is known here, no cluster was created. Its own volume says so of a pod, its status of
    /// another one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a database that was known `before` has a newer coordinator by now. The first one that is heard of took nothing over.
    pub fn overtakes(&self, before: &SeenCoordinators) -> bool {
        let newer = |(id, timeline): (&String, &u32)| self.0.get(id).is_some_and(|now| now > timeline);
        before.0.iter().any(newer)
    }

    /// The newest timeline of any.
    pub fn newest(&self) -> u32 {
        self.0.values().copied().max().unwrap_or(0)
    }

    /// The newest of this database; of any where it is not known which one that is.
    pub fn of(&self, system_id: Option<&str>) -> u32 {
        match system_id {
            Some(id) => self.0.get(id).copied().unwrap_or(0),
            None => self.newest(),
        }
    }

    /// The newest of which nobody has told the database.
    pub fn unnamed(&self) -> u32 {
        self.0.get(UNNAMED).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_database_has_its_own_newest_coordinator() {
        let seen = SeenCoordinators::one(Some("7"), 2).and(&SeenCoordinators::one(Some("8"), 5));
        assert_eq!((seen.of(Some("7")), seen.of(Some("8")), seen.of(Some("9"))), (2, 5, 0));
        assert_eq!((seen.of(None), seen.newest(), seen.unnamed()), (5, 5, 0));
        assert!(SeenCoordinators::one(Some("7"), 0).is_empty());
    }

    #[test]
    fn a_coordinator_overtakes_those_of_its_own_database() {
        let before = SeenCoordinators::one(Some("7"), 2).and(&SeenCoordinators::one(Some("8"), 5));
        let takeover = before.clone().and(&SeenCoordinators::one(Some("7"), 3));
        assert!(takeover.overtakes(&before) && !before.overtakes(&before));
        assert!(!before.overtakes(&SeenCoordinators::default()));
        let unnamed = SeenCoordinators::one(None, 5);
        assert!(!SeenCoordinators::one(Some("7"), 6).overtakes(&unnamed));
    }

    #[test]
    fn a_number_without_a_name_is_explained_by_one_that_is_as_new() {
        let seen = SeenCoordinators::one(None, 3);
        assert_eq!((seen.unnamed(), seen.of(Some("7"))), (3, 0));
        let older = seen.clone().and(&SeenCoordinators::one(Some("7"), 2));
        assert_eq!((older.unnamed(), older.of(Some("7"))), (3, 2));
        assert_eq!(older.named(), SeenCoordinators::one(Some("7"), 2));
        let explained = seen.and(&SeenCoordinators::one(Some("7"), 3));
        assert_eq!(explained, SeenCoordinators::one(Some("7"), 3));
    }

    proptest! {
        /// In whatever order it is heard: nothing that was heard of a database is forgotten, and of others nothing is counted.
        #[test]
        fn what_was_heard_stays(heard in proptest::collection::vec((0u8..4, 0u32..5), 0..12)) {
            let name = |id: u8| (id > 0).then(|| id.to_string());
            let one = |&(id, timeline): &(u8, u32)| SeenCoordinators::one(name(id).as_deref(), timeline);
            let all = heard.iter().fold(SeenCoordinators::default(), |seen, heard| seen.and(&one(heard)));
            let backwards = heard.iter().rev().fold(SeenCoordinators::default(), |seen, heard| seen.and(&one(heard)));
            prop_assert_eq!(&all, &backwards);
            for id in 1u8..4 {
                let newest = heard.iter().filter(|(of, _)| *of == id).map(|(_, timeline)| *timeline).max();
                prop_assert_eq!(all.of(name(id).as_deref()), newest.unwrap_or(0));
            }
            prop_assert_eq!(all.newest(), heard.iter().map(|(_, timeline)| *timeline).max().unwrap_or(0));
        }
    }
}
