//! The phases of a pod's life, and which of them may follow which.

use serde::{Deserialize, Serialize};

/// Where in its life a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Configuration, volume, keys.
    Preparing,
    /// Waiting for the names of the peers.
    Discovering,
    /// Creating the data directory.
    Bootstrapping,
    /// The directory of a coordinator that another pod took over from is made a standby's of that pod.
    Rejoining,
    /// The postmaster starts or recovers, or waits for others to start or answer first.
    Starting,
    /// The postmaster runs.
    Running,
    /// Something must be mended by a person first; `reason` says what.
    Refused,
    /// The postmaster was stopped cleanly by an administrator and stays stopped.
    Stopped,
    /// Taken out of supervision with `gp-agent hold`.
    Held,
    /// The postmaster crashed and is started again, now or after a pause.
    Crashed,
    /// The postmaster crashes again and again.
    CrashLoop,
    /// The postmaster accepts connections and never answers.
    Hung,
    /// The pod ends.
    Draining,
}

use Phase::{
    Bootstrapping, CrashLoop, Crashed, Discovering, Draining, Held, Hung, Preparing, Refused, Rejoining, Running,
    Starting, Stopped,
};

/// What may follow a phase; a phase may always go on with another reason. Nothing follows [`Phase::Draining`].
///
/// - At any moment a person may be needed (refused), an administrator may hold the pod, and the pod may end.
/// - A server is started or found running first of all: `running` and `hung` follow `starting` and each other alone.
/// - While a pod is held its server may end in any way, and a hold whose file was removed by hand ends anywhere.
/// - `crashed` follows phases without a server too: processes of one that is gone may still be there.
/// - A directory that is removed while no server runs on it is made anew: discovering, then bootstrapping.
/// - A coordinator that was taken over from rejoins as soon as its server is gone; where nothing but a copy helps, that is
///   bootstrapping.
#[rustfmt::skip] // A table.
pub const MAY_FOLLOW: [(Phase, &[Phase]); 13] = [
    (Preparing,     &[Refused, Held, Draining, Discovering, Bootstrapping, Starting, Stopped, Crashed, Rejoining]),
    (Discovering,   &[Refused, Held, Draining, Bootstrapping, Starting, Crashed]),
    (Bootstrapping, &[Refused, Held, Draining, Discovering, Starting, Crashed]),
    (Starting,      &[Refused, Held, Draining, Running, Hung, Stopped, Crashed, CrashLoop, Discovering, Bootstrapping, Rejoining]),
    (Running,       &[Refused, Held, Draining, Starting, Hung, Stopped, Crashed, CrashLoop, Bootstrapping, Rejoining]),
    (Hung,          &[Refused, Held, Draining, Starting, Running, Stopped, Crashed, CrashLoop, Rejoining]),
    (Rejoining,     &[Refused, Held, Draining, Starting, Crashed, Bootstrapping]),
    (Stopped,       &[Refused, Held, Draining, Starting, Crashed, CrashLoop, Discovering, Bootstrapping, Rejoining]),
    (Crashed,       &[Refused, Held, Draining, Starting, Discovering, Bootstrapping, Rejoining]),
    (CrashLoop,     &[Refused, Held, Draining, Starting, Crashed, Discovering, Bootstrapping, Rejoining]),
    (Held,          &[Refused, Draining,       Starting, Stopped, Crashed, CrashLoop, Discovering, Bootstrapping, Rejoining]),
    (Refused,       &[Held, Draining,          Preparing, Starting, Stopped, Crashed, Discovering, Bootstrapping, Rejoining]),
    (Draining,      &[]),
];

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 13] = [
        Preparing,
        Discovering,
        Bootstrapping,
        Rejoining,
        Starting,
        Running,
        Refused,
        Stopped,
        Held,
        Crashed,
        CrashLoop,
        Hung,
        Draining,
    ];

    /// Its word in JSON, metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Preparing => "preparing",
            Discovering => "discovering",
            Bootstrapping => "bootstrapping",
            Rejoining => "rejoining",
            Starting => "starting",
            Running => "running",
            Refused => "refused",
            Stopped => "stopped",
            Held => "held",
            Crashed => "crashed",
            CrashLoop => "crash-loop",
            Hung => "hung",
            Draining => "draining",
        }
    }

    /// What other agents are told: those of version 0.1.0 do not know [`Phase::Rejoining`], and would take the whole status for
    /// silence. For them a directory is made.
    pub(crate) fn on_the_wire(self) -> Phase {
        match self {
            Rejoining => Bootstrapping,
            phase => phase,
        }
    }

    /// Whether a pod may come to this phase from `before` ([`MAY_FOLLOW`]), or stay in it.
    pub fn may_follow(self, before: Phase) -> bool {
        let row = MAY_FOLLOW.iter().find(|(phase, _)| *phase == before);
        self == before || row.is_some_and(|(_, after)| after.contains(&self))
    }

    /// Whether nothing follows any more.
    pub(crate) fn is_final(self) -> bool {
        MAY_FOLLOW.contains(&(self, &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn after(phase: Phase) -> impl Iterator<Item = Phase> {
        Phase::ALL
            .into_iter()
            .filter(move |next| *next != phase && next.may_follow(phase))
    }

    fn reachable(from: Phase) -> BTreeSet<Phase> {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(phase) = open.pop() {
            open.extend(after(phase).filter(|next| seen.insert(*next)));
        }
        seen
    }

    #[test]
    fn the_table_has_one_row_for_each_phase_and_no_phase_twice_in_a_row() {
        let rows: BTreeSet<Phase> = MAY_FOLLOW.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(rows, BTreeSet::from(Phase::ALL));
        for (phase, after) in MAY_FOLLOW {
            let distinct: BTreeSet<&Phase> = after.iter().collect();
            assert_eq!(distinct.len(), after.len(), "{phase:?}");
            assert!(!after.contains(&phase), "{phase:?}: to stay needs no entry");
        }
    }

    #[test]
    fn every_phase_can_be_reached_from_the_first_and_left_for_the_last() {
        assert_eq!(reachable(Phase::Preparing), BTreeSet::from(Phase::ALL));
        for phase in Phase::ALL {
            assert!(reachable(phase).contains(&Phase::Draining), "{phase:?}");
            // Whatever went wrong, a server can run here again.
            assert!(
                phase.is_final() || reachable(phase).contains(&Phase::Running),
                "{phase:?}"
            );
        }
    }

    #[test]
    fn draining_alone_is_final_and_follows_everything() {
        let last: Vec<Phase> = Phase::ALL.into_iter().filter(|p| p.is_final()).collect();
        assert_eq!(last, [Phase::Draining]);
        for phase in Phase::ALL {
            assert!(Phase::Draining.may_follow(phase), "{phase:?}");
            assert!(
                phase == Phase::Draining || !phase.may_follow(Phase::Draining),
                "{phase:?}"
            );
        }
    }

    proptest! {
        /// A walk along the table ends in nothing but Draining, and a server that runs or hangs was always started before.
        #[test]
        fn a_server_runs_only_after_it_was_started(choices in proptest::collection::vec(any::<prop::sample::Index>(), 1..60)) {
            let mut walk = vec![Phase::Preparing];
            for choice in choices {
                let here = walk[walk.len() - 1];
                let next: Vec<Phase> = after(here).collect();
                if next.is_empty() {
                    prop_assert_eq!(here, Phase::Draining);
                    break;
                }
                walk.push(*choice.get(&next));
            }
            for (i, phase) in walk.iter().enumerate() {
                if matches!(phase, Phase::Running | Phase::Hung) {
                    let served = walk[..i].iter().rev().take_while(|p| matches!(p, Phase::Running | Phase::Hung)).count();
                    prop_assert_eq!(walk[i - 1 - served], Phase::Starting);
                }
            }
        }
    }
}
