//! The transitions on one page. The machine is the code in the parent; that it does nothing else, and all of this, is proven
//! by its tests.

use super::model::State;
use super::model::State::{
    Crashed, Deciding, Draining, Held, Looking, Making, Over, Refused, Running, Starting, SteppingDown, Stopped,
    Waiting,
};

/// From, what happens, to.
pub type Transition = (State, &'static str, State);

/// Every move from one state to another.
#[rustfmt::skip]
pub const TRANSITIONS: &[Transition] = &[
    (Looking,      "a server runs",                    Running),
    (Looking,      "nobody runs, it is held",          Held),
    (Looking,      "nobody runs, it was stopped",      Stopped),
    (Looking,      "nobody runs",                      Deciding),
    (Looking,      "a creation is unfinished",         Making),
    (Looking,      "a single-user server runs",        Waiting),
    (Looking,      "the look fails",                   Refused),
    (Deciding,     "start",                            Starting),
    (Deciding,     "create, copy, or rejoin",          Making),
    (Deciding,     "wait",                             Waiting),
    (Deciding,     "refuse, or it fails",              Refused),
    (Making,       "made",                             Looking),
    (Making,       "it fails",                         Refused),
    (Starting,     "started",                          Running),
    (Starting,     "the directory changed, or resume", Looking),
    (Starting,     "others first",                     Waiting),
    (Starting,     "refused at the last moment",       Refused),
    (Running,      "stopped by an administrator",      Stopped),
    (Running,      "ended while held",                 Held),
    (Running,      "ended, and was given back before", Looking),
    (Running,      "crashed",                          Crashed),
    (Running,      "overtaken, or has to start anew",   SteppingDown),
    (SteppingDown, "stopped",                          Looking),
    (SteppingDown, "had been stopped by hand before",  Stopped),
    (SteppingDown, "had been held, and ended, before", Held),
    (SteppingDown, "had crashed before",               Crashed),
    (Waiting,      "due, or resume",                   Looking),
    (Refused,      "due, or resume",                   Looking),
    (Held,         "due, or resume",                   Looking),
    (Stopped,      "due, or resume",                   Looking),
    (Crashed,      "due, or resume",                   Looking),
    (Deciding,     "resume",                           Looking),
    // An administrator breaks off whatever is under way without a server.
    (Deciding,     "hold",                             Held),
    (Making,       "hold",                             Held),
    (Starting,     "hold",                             Held),
    (Waiting,      "hold",                             Held),
    (Refused,      "hold",                             Held),
    (Stopped,      "hold",                             Held),
    (Crashed,      "hold",                             Held),
    // The end of the pod breaks off everything.
    (Looking,      "the pod ends",                     Draining),
    (Deciding,     "the pod ends",                     Draining),
    (Making,       "the pod ends",                     Draining),
    (Starting,     "the pod ends",                     Draining),
    (Running,      "the pod ends",                     Draining),
    (SteppingDown, "the pod ends",                     Draining),
    (Waiting,      "the pod ends",                     Draining),
    (Refused,      "the pod ends",                     Draining),
    (Held,         "the pod ends",                     Draining),
    (Stopped,      "the pod ends",                     Draining),
    (Crashed,      "the pod ends",                     Draining),
    (Draining,     "drained",                          Over),
];

impl State {
    /// Every state.
    pub const ALL: [State; 13] = [
        Looking,
        Deciding,
        Making,
        Starting,
        Running,
        SteppingDown,
        Waiting,
        Refused,
        Held,
        Stopped,
        Crashed,
        Draining,
        Over,
    ];

    /// Whether nothing is done but to let time pass.
    pub fn pauses(self) -> bool {
        matches!(self, Waiting | Refused | Held | Stopped | Crashed)
    }
}
