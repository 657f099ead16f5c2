//! The parameters of cluster.yaml with which a server really ran, and those with which it did not start.
//!
//! Some mistakes only a real start finds. So what a server came up with is remembered on the volume, and when the first start
//! with something new fails, the next one is made with that. Neither is believed blindly: when both fail it is not the
//! settings, and they take turns until one comes up.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `parameters` of cluster.yaml.
pub type Parameters = BTreeMap<String, String>;

/// Starts in a row whose end nobody saw after which a set counts as refused: one may have met the end of a node, but a set
/// that needs too much memory takes the whole container with it each time (cgroup v2, memory.oom.group).
const UNSEEN_ENDS: u32 = 2;

/// What is remembered of one pod's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// The server's major version: another one knows other parameters.
    version: String,
    /// The last set that a server came up with.
    good: Option<Parameters>,
    /// The start that is under way, or whose end nobody saw.
    attempt: Option<Attempt>,
    /// The set that the server did not start with.
    refused: Option<Refused>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    parameters: Parameters,
    /// Earlier starts with the same, whose ends nobody saw.
    #[serde(default)]
    unseen_ends: u32,
}

/// A set that the server did not start with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    parameters: Parameters,
    /// The server's last words.
    pub words: String,
    /// Nobody saw how the starts ended.
    #[serde(default)]
    unseen: bool,
    /// The set that is good failed as well after that: it may not be the settings.
    #[serde(default)]
    good_failed: bool,
}

/// What to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// What cluster.yaml says.
    Wanted,
    /// What its last start that worked was made with.
    Good {
        /// That.
        parameters: &'a Parameters,
        /// Why.
        refused: &'a Refused,
    },
}

impl Ledger {
    /// What an earlier agent remembered, as far as it is of this server.
    #[must_use]
    pub fn for_version(self, version: &str) -> Ledger {
        if self.version == version {
            return self;
        }
        Ledger {
            version: version.to_string(),
            ..Ledger::default()
        }
    }

    /// A container begins anew: its image, its files and its node may be others, so what was refused is tried once more. But
    /// not what ended whole containers.
    pub fn new_container(&mut self) {
        self.refused = self.refused.take().filter(|refused| refused.unseen);
    }

    /// What to start with.
    pub fn choose(&self, wanted: &Parameters) -> Choice<'_> {
        let refused = self.refused.as_ref();
        let refused = refused.filter(|refused| refused.parameters == *wanted && !refused.good_failed);
        match (refused, &self.good) {
            (Some(refused), Some(parameters)) if parameters != wanted => Choice::Good { parameters, refused },
            _ => Choice::Wanted,
        }
    }

    /// An agent begins, and a start that an earlier one made has not ended in anybody's sight. Too many of these make its set
    /// refused, unless the server is found to answer after all.
    pub fn count_unseen(&mut self) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.unseen_ends = attempt.unseen_ends.saturating_add(1);
        let is_good = self.good.as_ref().is_none_or(|good| *good == attempt.parameters);
        if attempt.unseen_ends < UNSEEN_ENDS || is_good {
            return;
        }
        self.refused = Some(Refused {
            parameters: attempt.parameters.clone(),
            words: format!(
                "{UNSEEN_ENDS} starts ended together with their container before the server answered, and nobody saw why: the container's runtime knows (out of memory, a node that went down, a container that was stopped)"
            ),
            unseen: true,
            good_failed: false,
        });
    }

    /// A server is started with this set.
    pub fn begin(&mut self, parameters: &Parameters) {
        let known = self.attempt.take().filter(|attempt| attempt.parameters == *parameters);
        self.attempt = Some(known.unwrap_or_else(|| Attempt {
            parameters: parameters.clone(),
            unseen_ends: 0,
        }));
    }

    /// It answers.
    pub fn came_up(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.refused = self
                .refused
                .take()
                .filter(|refused| refused.parameters != attempt.parameters);
            self.good = Some(attempt.parameters);
        }
    }

    /// It ended by itself before it answered, with these words.
    pub fn failed(&mut self, words: &str) {
        let Some(attempt) = self.attempt.take() else { return };
        let Some(good) = &self.good else { return };
        if *good != attempt.parameters {
            self.refused = Some(Refused {
                parameters: attempt.parameters,
                words: words.to_string(),
                unseen: false,
                good_failed: false,
            });
        } else if let Some(refused) = &mut self.refused {
            refused.good_failed = true;
        }
    }

    /// It came up, or was told to read them, and refuses every session with this set, which is as bad as not to start. Whether
    /// that is news, and there is a set to put in its place.
    pub fn refuses_sessions(&mut self, parameters: &Parameters, words: &str) -> bool {
        self.attempt = None;
        let known = self
            .refused
            .as_ref()
            .is_some_and(|refused| refused.parameters == *parameters);
        let news = !known && self.good.as_ref().is_some_and(|good| good != parameters);
        if news {
            self.refused = Some(Refused {
                parameters: parameters.clone(),
                words: words.to_string(),
                unseen: false,
                good_failed: false,
            });
        }
        news
    }

    /// Somebody stopped it before it answered: that says nothing of the settings.
    pub fn stopped(&mut self) {
        self.attempt = None;
    }

    /// The last set that a server came up with.
    pub fn good(&self) -> Option<&Parameters> {
        self.good.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(value: u8) -> Parameters {
        BTreeMap::from([("p".to_string(), value.to_string())])
    }

    fn with_good(value: u8) -> Ledger {
        let mut ledger = Ledger::default().for_version("15");
        ledger.begin(&set(value));
        ledger.came_up();
        ledger
    }

    /// What the next start takes.
    fn takes(ledger: &Ledger, wanted: &Parameters) -> Parameters {
        match ledger.choose(wanted) {
            Choice::Wanted => wanted.clone(),
            Choice::Good { parameters, .. } => parameters.clone(),
        }
    }

    #[test]
    fn the_last_good_set_comes_back_and_a_mended_one_is_tried() {
        let mut ledger = with_good(1);
        assert_eq!(takes(&ledger, &set(2)), set(2));
        ledger.begin(&set(2));
        ledger.failed("FATAL: no");
        assert_eq!(takes(&ledger, &set(2)), set(1));
        ledger.begin(&set(1));
        ledger.came_up();
        assert_eq!(takes(&ledger, &set(2)), set(1), "not again in this container");
        assert_eq!(takes(&ledger, &set(3)), set(3));
        ledger.new_container();
        assert_eq!(takes(&ledger, &set(2)), set(2), "the image may be another");
    }

    #[test]
    fn a_set_that_keeps_every_session_out_is_no_better_than_one_that_does_not_start() {
        for reloaded in [false, true] {
            let mut ledger = with_good(1);
            if !reloaded {
                ledger.begin(&set(2));
            }
            assert!(ledger.refuses_sessions(&set(2), "no such library"));
            assert_eq!(takes(&ledger, &set(2)), set(1));
            assert!(!ledger.refuses_sessions(&set(2), "no such library"), "known");
            assert!(!ledger.refuses_sessions(&set(1), "no such library"));
            assert_eq!(takes(&ledger, &set(2)), set(1), "not the settings' fault alone");
        }
        let mut first = Ledger::default();
        first.begin(&set(2));
        assert!(!first.refuses_sessions(&set(2), "no such library"));
        assert_eq!(takes(&first, &set(2)), set(2), "there is nothing to put back");
    }

    #[test]
    fn without_a_good_set_there_is_nothing_to_put_back() {
        let mut ledger = Ledger::default();
        ledger.begin(&set(2));
        ledger.failed("x");
        assert_eq!(takes(&ledger, &set(2)), set(2));
        assert_eq!(with_good(1).for_version("16").good(), None);
    }

    #[test]
    fn what_takes_its_container_along_is_not_tried_for_ever() {
        let mut ledger = with_good(1);
        let mut tried = Vec::new();
        for _ in 0..5 {
            ledger.new_container();
            ledger.count_unseen();
            let taken = takes(&ledger, &set(2));
            ledger.begin(&taken);
            tried.push(taken == set(2));
            if taken == set(1) {
                ledger.came_up();
            }
            // The container ends; only what is written stays.
            let written = serde_json::to_string(&ledger).unwrap();
            ledger = serde_json::from_str(&written).unwrap();
        }
        assert_eq!(tried, [true, true, false, false, false]);
        assert_eq!(takes(&ledger, &set(3)), set(3));
    }

    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Edit(u8),
        Start,
        NewContainer,
        /// Nothing starts, whatever the settings are.
        Break(bool),
    }

    fn happens() -> impl Strategy<Value = Vec<Happens>> {
        let one = prop_oneof![
            2 => (0u8..6).prop_map(Happens::Edit),
            6 => Just(Happens::Start),
            1 => Just(Happens::NewContainer),
            1 => any::<bool>().prop_map(Happens::Break),
        ];
        proptest::collection::vec(one, 0..60)
    }

    /// Sets from 3 on are wrong.
    struct World {
        ledger: Ledger,
        wanted: u8,
        broken: bool,
        ran: BTreeSet<Parameters>,
    }

    impl World {
        /// Whether it came up.
        fn start(&mut self) -> bool {
            let taken = takes(&self.ledger, &set(self.wanted));
            self.ledger.begin(&taken);
            let works = !self.broken && (0..3).any(|value| set(value) == taken);
            if works {
                self.ran.insert(taken);
                self.ledger.came_up();
            } else {
                self.ledger.failed("FATAL");
            }
            works
        }
    }

    proptest! {
        /// Whatever is written into the file and whatever else fails: once a server has run, one runs after at most two more
        /// starts when nothing but the file is wrong; what counts as good has really run; and a right set comes into use in
        /// a new container at the latest.
        #[test]
        fn a_mistake_in_the_file_never_keeps_the_server_down(history in happens()) {
            let mut world = World { ledger: with_good(0), wanted: 0, broken: false, ran: BTreeSet::from([set(0)]) };
            for happening in history {
                match happening {
                    Happens::Edit(value) => world.wanted = value,
                    Happens::Start => drop(world.start()),
                    Happens::NewContainer => world.ledger.new_container(),
                    Happens::Break(broken) => world.broken = broken,
                }
                prop_assert!(world.ledger.good().is_some_and(|good| world.ran.contains(good)));
            }
            world.broken = false;
            prop_assert!(world.start() || world.start(), "{:?}", world.ledger);
            world.wanted = 1;
            world.ledger.new_container();
            prop_assert!(world.start());
            prop_assert_eq!(world.ledger.good(), Some(&set(1)));
        }
    }
}
