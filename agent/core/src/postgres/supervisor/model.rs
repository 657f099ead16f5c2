//! What happens to the supervisor, what it does, and where it stands.

use crate::cluster::status::Phase;
use crate::postgres::exit_cause::Ending;
use crate::postgres::start_decision::{Decision, DirectoryKind};
use std::time::Duration;

/// FTS waits so long before it tries a lost primary again, and tries `gp_fts_probe_retries` times (ftsprobe.c).
const JUST_CRASHED: Duration = Duration::from_secs(1);

/// What the supervisor does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Looks who runs on the directory, and whether an administrator holds it.
    Looking,
    /// Asks the peers what this directory is.
    Deciding,
    /// Makes the directory: creates a database, or copies one, or has an old coordinator's follow the new one.
    Making,
    /// Writes settings, lets others go first, decides once more, starts.
    Starting,
    /// A server runs, started or adopted.
    Running,
    /// The server is stopped because a newer one took over, or because it has to start anew.
    SteppingDown,
    /// Somebody else has to act first.
    Waiting,
    /// A person has to mend something first.
    Refused,
    /// An administrator took the postmaster out of supervision; none runs.
    Held,
    /// An administrator stopped the server.
    Stopped,
    /// The server crashed and is started again after a pause.
    Crashed,
    /// The pod ends: the server is stopped.
    Draining,
    /// Nothing is left to do.
    Over,
}

/// What is done while nothing happens; it ends in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Look who runs on the directory: [`Event::Found`].
    Look {
        /// Only look, and end nobody: an administrator stopped the server, and may be about to start it.
        passive: bool,
    },
    /// Examine the directory and ask: [`Event::Decided`].
    Decide(Inquiry),
    /// Create an empty database, or go on with a creation that was broken off: [`Event::Made`].
    Create,
    /// Copy the partner's database: [`Event::Made`].
    Copy,
    /// Make the directory a standby's of the pod that took over: [`Event::Made`].
    Rejoin,
    /// Everything before a start, one more decision, the start: [`Event::Started`].
    Start(Inquiry),
    /// Watch the running server: [`Event::Ended`], [`Event::Overtaken`] or [`Event::Outgrown`].
    Watch,
    /// Stop it: [`Event::ServerGone`].
    Stop,
    /// Let so much time pass: [`Event::Due`]. Other parameters in cluster.yaml end it early, and news from a peer.
    Pause {
        /// How long at most.
        time: Duration,
        /// After how long a peer's news matter, if they do.
        listens: Option<Duration>,
    },
    /// Stop what runs, in the order of the cluster and inside the schedule: [`Event::Drained`].
    Drain,
}

/// How a question to the peers counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// Since when it has been asked without a decision.
    pub asked_for: Duration,
    /// How long ago the server crashed, when that is how the last one ended.
    pub crashed_for: Option<Duration>,
}

impl Inquiry {
    /// The same question a while later.
    #[must_use]
    pub fn later(self, time: Duration) -> Inquiry {
        Inquiry {
            asked_for: self.asked_for.saturating_add(time),
            crashed_for: self.crashed_for.map(|ago| ago.saturating_add(time)),
        }
    }

    /// Whether the server crashed so short a time ago that nobody can have been promoted for it yet, so that what peers
    /// answered it last still counts.
    pub fn has_just_crashed(self) -> bool {
        self.crashed_for.is_some_and(|ago| ago < JUST_CRASHED)
    }
}

/// Who was found on the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A server, which is adopted.
    Server {
        /// Its process ID.
        pid: i32,
        /// Whether it is ending already: a smart shutdown waits for its clients.
        ending: bool,
    },
    /// Somebody who has to end first; the text says who.
    Busy(String),
    /// A creation that was broken off and has to be finished before anything is adopted or started.
    Unfinished,
    /// Nobody.
    Nobody {
        /// A tool took away the directory whose server it had stopped: nothing is left that could stay stopped.
        removed: bool,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The look is done.
    Found {
        /// The reason of an administrator who holds the postmaster.
        held: Option<String>,
        /// Who is there.
        found: Found,
    },
    /// The decision about the directory.
    Decided {
        /// What to do with it.
        decision: Decision,
        /// What it is.
        directory: DirectoryKind,
    },
    /// The directory is made, or as much as could be made now.
    Made,
    /// The server was started.
    Started {
        /// Its process ID.
        pid: i32,
    },
    /// The directory may be started, but not yet; the text says why.
    NotYet(String),
    /// An activity failed; the text says of what.
    Failed(String),
    /// The running server ended.
    Ended {
        /// In which way.
        ending: Ending,
        /// In words.
        words: String,
    },
    /// The running server has to stop; the text says why.
    Overtaken(String),
    /// The running server has to be stopped and started again; the text says why.
    Outgrown(String),
    /// The server that was to stop has stopped.
    ServerGone,
    /// The pause is over.
    Due,
    /// An administrator holds the postmaster; that is on the volume already.
    Hold(String),
    /// An administrator gives it back; that is on the volume already.
    Resume {
        /// Whether the server that runs is just ending: its end is what the administrator has taken back.
        ending: bool,
    },
    /// The pod has to end.
    Shutdown,
    /// Nothing runs any more, or time is up.
    Drained,
}

/// What the loop has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Drop what runs and begin this.
    Begin(Activity),
    /// Show a phase and its reason.
    Show(Phase, String),
    /// A server runs now.
    Runs {
        /// Starts by this agent so far.
        starts: u64,
    },
    /// No server runs any more.
    Gone,
    /// How the last server ended.
    LastEnd(String),
    /// Why the directory is not started, for a person; `None` takes that back.
    Refusal(Option<ServerRefusal>),
    /// Remember on the volume that an administrator stopped the server; `None` forgets it.
    RecordStop(Option<Ending>),
}

/// What a person has to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRefusal {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}
