//! What an administrator may ask of failover, whether this pod is the one to ask, and why something asked for is not done.

use super::failover_status::{FailoverStatus, TakeoverMode};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverCommand {
    /// Hand the role over to the standby.
    Switchover {
        /// Wait until no client's transaction runs.
        when_idle: bool,
    },
    /// Call off a hand-over that has not begun.
    CancelSwitchover,
    /// Take the role over here, although acknowledged commits may be missing.
    AcceptDataLoss,
    /// No failover happens by itself until it is resumed.
    Pause,
    /// Failover happens by itself again.
    Resume,
}

/// Why a command about failover is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The pod that was asked is no coordinator's, or its cluster has no standby.
    #[error("{0} has no part in failover: ask in a coordinator's pod of a cluster that has a standby")]
    NoPart(String),
    /// Nothing watches over who writes; why.
    #[error("failover does not run: {0}")]
    Off(String),
    /// Another pod has the role, and has to be asked.
    #[error("{0} has the coordinator's role and hands it over: call gp-agent switchover there")]
    HeldElsewhere(String),
    /// The record names this pod, but it has no lease now.
    #[error("{0} may not write now, so it has nothing to hand over; gp-agent status says why")]
    MayNotWrite(String),
    /// The record names no pod.
    #[error("no pod has the coordinator's role now; gp-agent status says what is waited for")]
    NoHolder,
    /// This pod has the role already.
    #[error("{0} has the coordinator's role already; there is nothing to take over")]
    HasRole(String),
    /// The authority does not answer, and a hand-over is a write to the record.
    #[error("{place} cannot be written: {why}")]
    RecordUnwritable {
        /// Where the record is.
        place: String,
        /// What the authority said last.
        why: String,
    },
    /// The standby may lack commits; why, where that is known.
    #[error("the standby is not in sync{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NotInSync(Option<String>),
    /// There is no pause to end, and takeovers by themselves are not configured.
    #[error("nothing is paused: failover.mode is manual; with auto in cluster.yaml the standby takes over by itself")]
    NotPaused,
    /// One command at a time.
    #[error("another command is being done")]
    Busy,
    /// A tool would die with its coordinator; what it does.
    #[error("{0}, and a switchover would break that off; ask again once gp-agent status says that it has ended")]
    BreaksOff(String),
    /// Whoever decides about the role does not do it now; why.
    #[error("{0}")]
    Refused(String),
    /// It was begun and given up; why.
    #[error("{0}")]
    GivenUp(String),
}

impl FailoverCommand {
    /// Whether the pod of that name, with this status, may be asked.
    ///
    /// # Errors
    /// Why not, and where to ask instead.
    pub fn admit(self, pod: &str, status: Option<&FailoverStatus>) -> Result<(), CommandError> {
        let Some(status) = status else {
            return Err(CommandError::NoPart(pod.to_string()));
        };
        if let Some(why) = &status.off {
            return Err(CommandError::Off(why.clone()));
        }
        match self {
            FailoverCommand::Switchover { .. } => switchover(pod, status),
            FailoverCommand::AcceptDataLoss if status.mine => Err(CommandError::HasRole(pod.to_string())),
            FailoverCommand::Resume if status.mode == TakeoverMode::Manual && !status.paused => {
                Err(CommandError::NotPaused)
            }
            FailoverCommand::CancelSwitchover
            | FailoverCommand::AcceptDataLoss
            | FailoverCommand::Pause
            | FailoverCommand::Resume => Ok(()),
        }
    }
}

fn switchover(pod: &str, status: &FailoverStatus) -> Result<(), CommandError> {
    if !status.mine {
        return Err(match status.holder.as_deref() {
            Some(holder) if holder != pod => CommandError::HeldElsewhere(holder.to_string()),
            Some(_) => CommandError::MayNotWrite(pod.to_string()),
            None => CommandError::NoHolder,
        });
    }
    if let Some(trouble) = &status.record {
        return Err(CommandError::RecordUnwritable {
            place: status.place.clone(),
            why: trouble.why.clone(),
        });
    }
    match (&status.in_sync, &status.not_in_sync) {
        (Some(_), _) => Ok(()),
        (None, lacks) => Err(CommandError::NotInSync(lacks.as_ref().map(|lacks| lacks.why.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::failover_status::{NotInSync, RecordTrouble};

    const SWITCHOVER: FailoverCommand = FailoverCommand::Switchover { when_idle: false };

    fn standby() -> FailoverStatus {
        FailoverStatus {
            place: "Lease prod/w".into(),
            holder: Some("coordinator-0".into()),
            in_sync: Some("coordinator-1".into()),
            ..FailoverStatus::default()
        }
    }

    fn holder() -> FailoverStatus {
        FailoverStatus {
            mine: true,
            ..standby()
        }
    }

    #[test]
    fn who_has_to_be_asked_is_said() {
        let mut all = Vec::new();
        let mut ask = |command: FailoverCommand, pod: &str, status: Option<&FailoverStatus>| {
            let answer = command.admit(pod, status);
            all.push(answer.map_or_else(|no| no.to_string(), |()| format!("{command:?} is admitted")));
        };
        ask(SWITCHOVER, "segment-a-0", None);
        ask(
            FailoverCommand::Pause,
            "coordinator-0",
            Some(&FailoverStatus::off("there is no place for the record")),
        );
        ask(SWITCHOVER, "coordinator-0", Some(&holder()));
        ask(SWITCHOVER, "coordinator-1", Some(&standby()));
        ask(SWITCHOVER, "coordinator-0", Some(&standby()));
        let nobody = FailoverStatus {
            holder: None,
            ..standby()
        };
        ask(SWITCHOVER, "coordinator-0", Some(&nobody));
        let lacks = Some(NotInSync {
            why: "coordinator-1 receives no stream".into(),
            ..NotInSync::default()
        });
        let alone = FailoverStatus {
            in_sync: None,
            not_in_sync: lacks,
            ..holder()
        };
        ask(SWITCHOVER, "coordinator-0", Some(&alone));
        let deaf = FailoverStatus {
            record: Some(RecordTrouble {
                why: "no answer within 1.5 s".into(),
                ..RecordTrouble::default()
            }),
            ..holder()
        };
        ask(SWITCHOVER, "coordinator-0", Some(&deaf));
        ask(FailoverCommand::AcceptDataLoss, "coordinator-0", Some(&holder()));
        ask(FailoverCommand::AcceptDataLoss, "coordinator-1", Some(&standby()));
        ask(FailoverCommand::Pause, "coordinator-1", Some(&standby()));
        ask(FailoverCommand::Resume, "coordinator-0", Some(&holder()));
        let manual = FailoverStatus {
            mode: "manual".into(),
            ..holder()
        };
        ask(FailoverCommand::Resume, "coordinator-0", Some(&manual));
        let paused = FailoverStatus { paused: true, ..manual };
        ask(FailoverCommand::Resume, "coordinator-0", Some(&paused));
        insta::assert_snapshot!(all.join("\n"), @r"
        segment-a-0 has no part in failover: ask in a coordinator's pod of a cluster that has a standby
        failover does not run: there is no place for the record
        Switchover { when_idle: false } is admitted
        coordinator-0 has the coordinator's role and hands it over: call gp-agent switchover there
        coordinator-0 may not write now, so it has nothing to hand over; gp-agent status says why
        no pod has the coordinator's role now; gp-agent status says what is waited for
        the standby is not in sync: coordinator-1 receives no stream
        Lease prod/w cannot be written: no answer within 1.5 s
        coordinator-0 has the coordinator's role already; there is nothing to take over
        AcceptDataLoss is admitted
        Pause is admitted
        Resume is admitted
        nothing is paused: failover.mode is manual; with auto in cluster.yaml the standby takes over by itself
        Resume is admitted
        ");
    }
}
