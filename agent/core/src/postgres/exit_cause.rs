//! How a postmaster ended, and so whether it is started again.
//!
//! Measured with PostgreSQL 15 and Greenplum 7, and the same in the sources since 9.4 (postmaster.c, `pmdie` and
//! `PostmasterStateMachine`): a postmaster that was asked to stop exits with 0 in every mode, smart, fast and immediate,
//! also when the request came during recovery; one that gives up by itself exits with 1. The one exception is a
//! postmaster that finds its lock file gone or somebody else's: it asks itself for an immediate shutdown.

/// How the process ended, as far as its parent learns that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal.
    Signal,
    /// It was adopted: only its parent learns how it ended.
    Unknown,
}

/// What is known after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitEvidence {
    /// How the process ended.
    pub exit: Exit,
    /// Whether pg_control says "shut down"; nothing where there is no readable one.
    pub shut_down: Option<bool>,
    /// postmaster.pid was missing, or another server's, while the postmaster still ran.
    pub lock_file_lost: bool,
}

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Somebody stopped it, and it wrote its last checkpoint.
    Clean,
    /// Somebody stopped it at once; the next start recovers.
    Immediate,
    /// Nobody asked for it.
    Crash,
}

impl Ending {
    /// Tells the kinds apart. In doubt it is a crash, after which the database is up again.
    pub fn of(evidence: ExitEvidence) -> Ending {
        match (evidence.exit, evidence.shut_down) {
            // A start that failed leaves pg_control as the last clean stop left it.
            (Exit::Signal, _) => Ending::Crash,
            (Exit::Code(code), _) if code != 0 => Ending::Crash,
            (_, Some(true)) => Ending::Clean,
            (Exit::Code(_), Some(false)) if !evidence.lock_file_lost => Ending::Immediate,
            _ => Ending::Crash,
        }
    }

    /// Whether an administrator stopped it, so that it stays stopped.
    pub(crate) fn was_asked_for(self) -> bool {
        self != Ending::Crash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ending(exit: Exit, shut_down: Option<bool>) -> Ending {
        Ending::of(ExitEvidence {
            exit,
            shut_down,
            lock_file_lost: false,
        })
    }

    #[test]
    fn ends_as_measured() {
        assert_eq!(ending(Exit::Code(0), Some(true)), Ending::Clean);
        assert_eq!(ending(Exit::Code(0), Some(false)), Ending::Immediate);
        assert_eq!(ending(Exit::Unknown, Some(true)), Ending::Clean);
        // kill -9, a start that failed, restart_after_crash = off, an adopted postmaster that crashed.
        assert_eq!(ending(Exit::Signal, Some(false)), Ending::Crash);
        assert_eq!(ending(Exit::Code(1), Some(true)), Ending::Crash);
        assert_eq!(ending(Exit::Code(1), Some(false)), Ending::Crash);
        assert_eq!(ending(Exit::Unknown, Some(false)), Ending::Crash);
        // The directory is gone: what comes next says so better than "stopped".
        assert_eq!(ending(Exit::Code(0), None), Ending::Crash);
    }

    #[test]
    fn a_postmaster_that_lost_its_lock_file_stopped_itself() {
        let lost = |shut_down| {
            Ending::of(ExitEvidence {
                exit: Exit::Code(0),
                shut_down: Some(shut_down),
                lock_file_lost: true,
            })
        };
        assert_eq!(lost(false), Ending::Crash);
        // Somebody stopped it before it noticed.
        assert_eq!(lost(true), Ending::Clean);
    }

    fn exits() -> impl Strategy<Value = Exit> {
        let code = (-1..4).prop_map(Exit::Code);
        prop_oneof![code, Just(Exit::Signal), Just(Exit::Unknown)]
    }

    proptest! {
        #[test]
        fn nothing_stays_down_that_nobody_stopped(
            exit in exits(), shut_down: Option<bool>, lock_file_lost: bool
        ) {
            let ending = Ending::of(ExitEvidence { exit, shut_down, lock_file_lost });
            if ending.was_asked_for() {
                prop_assert!(matches!(exit, Exit::Code(0) | Exit::Unknown));
                prop_assert!(shut_down.is_some());
            }
            if ending == Ending::Clean {
                prop_assert_eq!(shut_down, Some(true));
            }
            // A lost lock file never keeps down what would be up without.
            if lock_file_lost {
                let without = Ending::of(ExitEvidence { exit, shut_down, lock_file_lost: false });
                prop_assert!(!ending.was_asked_for() || without == ending);
            }
        }
    }
}
