//! Permission while a peer's answer is not understood.
//!
//! Silence of a peer becomes permission after a while, because a pod that is gone must not keep its partner down for ever. A
//! peer that answers is not gone. Whatever it says in a format of its own, it says now.

use super::start_decision::{Decision, DirectoryKind};

impl Decision {
    /// The same, while a pod that was asked gives an answer that is `not_understood`: nothing that runs writable begins, for
    /// as long as that lasts.
    #[must_use]
    pub(crate) fn withheld(self, own: DirectoryKind, not_understood: Option<&str>) -> Decision {
        let Some(why) = not_understood else {
            return self;
        };
        let writable = match self {
            Decision::Create => true,
            // What is no standby's runs writable, also what should not be there to be started.
            Decision::Start => own != DirectoryKind::Standby,
            _ => false,
        };
        match self {
            _ if writable => Decision::Wait(format!(
                "not starting a server that is written to: {why}; use an image of the newest version that the cluster's pods run"
            )),
            Decision::Wait(what) => Decision::Wait(format!("{what}; {why}")),
            decision => decision,
        }
    }
}
