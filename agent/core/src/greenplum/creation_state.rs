//! How far the work of a creation came, and what may be done to the volumes then. There is no way back.
//!
//! Whether the cluster exists, for this pod and its files, is another question, with one answer on every pod
//! ([`crate::cluster::cluster_state::ClusterState`]); this one is asked where the work is done.

use serde::{Deserialize, Serialize};

/// What only somebody else than gpinitsystem makes: names, first of databases and roles, then of relations in `postgres`. What
/// initdb makes has lower OIDs than FirstNormalObjectId (transam.h), and gpinitsystem makes nothing outside those schemas.
pub const MADE_BY_SOMEBODY: &str = "select 'database ' || datname from pg_database where oid >= 16384 \
    union all select 'role ' || rolname from pg_roles where oid >= 16384 \
    union all (select 'table ' || relname from pg_class join pg_namespace n on n.oid = relnamespace \
        where pg_class.oid >= 16384 and relkind in ('r', 'p', 'm', 'v', 'f') \
            and nspname !~ '^pg_' and nspname not in ('information_schema', 'gp_toolkit') limit 3)";

/// What gpinitsystem's log tells of an attempt that was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptLog {
    /// There is none.
    Missing,
    /// The cluster did not come to its start.
    NotStarted,
    /// It was started, and anybody could use it from then on.
    Started,
}

impl AttemptLog {
    /// Of the log's text.
    pub fn of(text: &str) -> AttemptLog {
        match text.contains("Completed restart of ") {
            true => AttemptLog::Started,
            false => AttemptLog::NotStarted,
        }
    }

    /// Whether nobody can have used the cluster although its coordinator does not say so: not to be able to tell is no "nobody".
    /// gpinitsystem writes its log before it makes a directory.
    pub fn excludes_use(self, directory_is_there: bool) -> bool {
        match self {
            AttemptLog::Missing => !directory_is_there,
            AttemptLog::NotStarted => true,
            AttemptLog::Started => false,
        }
    }
}

/// How far it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreationState {
    /// Nothing was touched yet.
    #[default]
    Untouched,
    /// gpinitsystem was begun: what lies on the volumes may be half of a cluster, and holds nobody's data.
    Unfinished,
    /// Coordinator and primaries were all there and answered. Somebody may have loaded data since, so whatever lies on the
    /// volumes is data; standby or mirrors may be missing. 0.1.0 does not know this state and refuses.
    Whole,
    /// What could be added to it was, and nothing is left to do. 0.1.0 calls it created.
    #[serde(rename = "created")]
    Finished,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreationEvent {
    /// gpinitsystem begins.
    AttemptBegins,
    /// Coordinator and primaries are in the catalog and answer a distributed query.
    ServersThere,
    /// Standby and mirrors were added, or that was given up.
    Finished,
}

/// What an agent does that finds a creation in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeUp {
    /// Decides by the volumes whether there is anything to create.
    Decide,
    /// Goes on with the creation before anything is adopted or started.
    GoOn,
    /// Adopts or starts its server, and adds to the running cluster what it lacks.
    Finish,
    /// Adopts or starts its server.
    Serve,
}

impl CreationState {
    /// The state after this event.
    #[must_use]
    pub fn on(self, event: CreationEvent) -> CreationState {
        let next = match event {
            CreationEvent::AttemptBegins => CreationState::Unfinished,
            CreationEvent::ServersThere => CreationState::Whole,
            CreationEvent::Finished if self >= CreationState::Whole => CreationState::Finished,
            CreationEvent::Finished => self,
        };
        self.max(next)
    }

    /// Whether what lies on the volumes may be set aside for another attempt.
    pub fn may_be_cleared(self) -> bool {
        self == CreationState::Unfinished
    }

    /// What an agent does that finds it.
    pub fn take_up(self) -> TakeUp {
        match self {
            CreationState::Untouched => TakeUp::Decide,
            CreationState::Unfinished => TakeUp::GoOn,
            CreationState::Whole => TakeUp::Finish,
            CreationState::Finished => TakeUp::Serve,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CreationEvent::{AttemptBegins, Finished, ServersThere};
    use proptest::prelude::*;

    #[test]
    fn the_words_on_the_volume_are_those_of_0_1_0() {
        let word = |state| serde_json::to_value(state).unwrap();
        let states = [
            CreationState::Untouched,
            CreationState::Unfinished,
            CreationState::Finished,
        ];
        assert_eq!(states.map(word), ["untouched", "unfinished", "created"]);
    }

    #[test]
    fn only_a_log_that_ends_before_the_start_says_that_nobody_used_it() {
        let started = AttemptLog::of("..:-[INFO]:-Completed restart of Greenplum instance in production mode");
        let not = AttemptLog::of("[INFO]:-No errors generated from parallel processes");
        for there in [false, true] {
            assert!(!started.excludes_use(there) && not.excludes_use(there));
            assert_eq!(AttemptLog::Missing.excludes_use(there), !there);
        }
    }

    #[test]
    fn a_creation_goes_one_way() {
        let begun = CreationState::default().on(AttemptBegins);
        assert!(begun.may_be_cleared() && begun.on(AttemptBegins).may_be_cleared());
        let whole = begun.on(ServersThere);
        assert_eq!((whole, whole.take_up()), (CreationState::Whole, TakeUp::Finish));
        assert_eq!(whole.on(Finished).take_up(), TakeUp::Serve);
        assert_eq!(
            begun.on(Finished),
            CreationState::Unfinished,
            "nobody has seen its servers"
        );
    }

    proptest! {
        /// Whatever happens in whatever order, and however often an agent begins anew with what was written down last: from the
        /// moment on in which the servers were there, nothing is cleared and no attempt is begun.
        #[test]
        fn a_cluster_that_was_there_is_never_cleared(
            events in proptest::collection::vec((prop_oneof![Just(AttemptBegins), Just(ServersThere), Just(Finished)], any::<bool>()), 0..20)
        ) {
            let (mut state, mut kept, mut was_there) = (CreationState::default(), CreationState::default(), false);
            for (event, killed_before_it_is_written) in events {
                let begins = event == AttemptBegins;
                // An attempt is begun by an agent that goes on or decides, never by one that serves.
                if begins && !matches!(state.take_up(), TakeUp::Decide | TakeUp::GoOn) {
                    continue;
                }
                let next = state.on(event);
                prop_assert!(next >= state);
                if killed_before_it_is_written {
                    state = kept;
                    continue;
                }
                (state, kept) = (next, next);
                was_there |= event == ServersThere;
                prop_assert!(!(was_there && (state.may_be_cleared() || state.take_up() == TakeUp::GoOn)));
            }
        }
    }
}
