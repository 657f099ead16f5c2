//! What other tasks ask of the machine, and what it answers them.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::Request;
use gp_agent_core::cluster::expansion_status::ExpansionTask;
use gp_agent_core::cluster::failover_command::{CommandError, FailoverCommand};
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::failover::candidate::{Command, Event, Reply, Server, Ticket};
use gp_agent_core::failover::record::{Holder, Mode};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::sync::oneshot;

/// Questions for a promise that are open at once: the other candidate has one at a time.
const QUESTIONS: usize = 8;

/// Numbers that the machine never gives.
const FIRST_TICKET: u64 = 1 << 63;

/// Who waits for what.
pub(super) struct Requests {
    own: Holder,
    next: u64,
    promises: BTreeMap<Ticket, oneshot::Sender<(Holder, Reply)>>,
    /// The command that is being done, and where its answer goes.
    command: Option<(FailoverCommand, oneshot::Sender<Result<String, CommandError>>)>,
    /// Where the answer goes to what calls a command off.
    cancel: Option<oneshot::Sender<Result<String, CommandError>>>,
    /// Whose server takes writes, by this pod's own look and by the other one's word.
    writes: [Option<Holder>; 2],
}

impl Requests {
    pub(super) fn new(own: Holder) -> Requests {
        Requests {
            own,
            next: FIRST_TICKET,
            promises: BTreeMap::new(),
            command: None,
            cancel: None,
            writes: [None, None],
        }
    }

    /// Takes in who writes: a role is moved when SQL is there.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Local(facts) => {
                let writes = matches!(facts.server, Server::Writable { .. });
                self.writes[0] = writes.then(|| self.own.clone());
            }
            Event::Peer(answer) => {
                let writes = answer.facts().filter(|facts| facts.writable);
                self.writes[1] = writes.map(|facts| facts.pod.clone());
            }
            _ => {}
        }
    }

    /// What the machine is told of it, if anything.
    pub(super) fn take(&mut self, pod: &Pod, request: Request) -> Option<Event> {
        match request {
            Request::StartWanted => Some(Event::StartWanted),
            Request::Look => None,
            // It is fenced by now, or will be: a promise would only keep this pod from taking over.
            Request::Promise { answer, .. } if answer.is_closed() => None,
            Request::Promise {
                epoch,
                seconds,
                by,
                from,
                answer,
            } => {
                self.promises.retain(|_, answer| !answer.is_closed());
                // Anybody on the network can ask; only the other coordinator is answered.
                if !is_partner(pod, &by, from) || self.promises.len() >= QUESTIONS {
                    return None;
                }
                self.next += 1;
                let ticket = Ticket(self.next);
                self.promises.insert(ticket, answer);
                Some(Event::PromiseAsked {
                    ticket,
                    epoch,
                    seconds,
                    by,
                })
            }
            // Whoever asked has given up, and will not expect it to be done.
            Request::Command { answer, .. } if answer.is_closed() => None,
            Request::Command {
                command: FailoverCommand::CancelSwitchover,
                answer,
            } => {
                self.cancel = Some(answer);
                Some(Event::Command(Command::CancelSwitchover))
            }
            Request::Command { command, answer } => {
                if self.command.as_ref().is_some_and(|(_, answer)| !answer.is_closed()) {
                    let _ = answer.send(Err(CommandError::Busy));
                    return None;
                }
                if let Some(why) = breaks_off(pod, command) {
                    let _ = answer.send(Err(why));
                    return None;
                }
                self.command = Some((command, answer));
                Some(Event::Command(told(command)))
            }
        }
    }

    /// Answers the other candidate.
    pub(super) fn answer(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(answer) = self.promises.remove(&ticket) {
            // It may have given up.
            let _ = answer.send((self.own.clone(), reply));
        }
    }

    /// The command was refused. What calls one off has its answer before anything else happens.
    pub(super) fn refuse(&mut self, why: &str) {
        match self.cancel.take() {
            Some(answer) => drop(answer.send(Err(CommandError::Refused(why.to_string())))),
            None => self.reply(Err(CommandError::Refused(why.to_string()))),
        }
    }

    /// A hand-over was given up: that is what somebody may have asked for.
    pub(super) fn hand_over_failed(&mut self, why: &str) {
        if let Some(answer) = self.cancel.take() {
            let _ = answer.send(Ok("the switchover is called off".into()));
        }
        self.reply(Err(CommandError::GivenUp(why.to_string())));
    }

    fn reply(&mut self, words: Result<String, CommandError>) {
        if let Some((_, answer)) = self.command.take() {
            let _ = answer.send(words);
        }
    }

    /// Answers once what was asked for shows.
    pub(super) fn settle(&mut self, holder: Option<&Holder>, mode: Mode) {
        let own = &self.own;
        let holder = holder.filter(|holder| self.writes.iter().flatten().any(|who| who == *holder));
        let done = |command: &FailoverCommand| match command {
            FailoverCommand::Switchover { .. } => holder.filter(|holder| *holder != own).map(has_it),
            FailoverCommand::CancelSwitchover => None,
            FailoverCommand::AcceptDataLoss => holder.filter(|holder| *holder == own).map(has_it),
            FailoverCommand::Pause => (mode == Mode::Paused).then(|| "failover is paused".to_string()),
            FailoverCommand::Resume => match mode {
                Mode::Paused => None,
                Mode::Auto => Some("failover happens by itself".to_string()),
                Mode::Manual => Some("failover happens by command".to_string()),
            },
        };
        let Some(words) = self.command.as_ref().and_then(|(command, _)| done(command)) else {
            return;
        };
        self.reply(Ok(words));
    }
}

fn has_it(holder: &Holder) -> String {
    format!("{} has the coordinator's role", holder.pod)
}

fn is_partner(pod: &Pod, by: &Holder, from: IpAddr) -> bool {
    let Some(partner) = pod.partner().filter(|partner| partner.pod == by.pod) else {
        return false;
    };
    let peers = pod.peers.borrow();
    let known = peers.get(&partner.pod);
    known.is_some_and(|peer| peer.addresses.contains(&from.to_canonical()))
}

/// A tool that works on the cluster dies with its coordinator, and leaves what it worked on as it is then.
fn breaks_off(pod: &Pod, command: FailoverCommand) -> Option<CommandError> {
    let FailoverCommand::Switchover { .. } = command else {
        return None;
    };
    // To spread tables may take days, and is taken up again where it was.
    let spreads = |status: &RecoveryStatus| {
        let activity = status.expansion.activity.as_ref();
        activity.is_some_and(|activity| activity.task == ExpansionTask::Redistribute)
    };
    if pod.board.read(|s| s.recovery.as_ref().is_some_and(spreads)) {
        return None;
    }
    let own = |status: &RecoveryStatus| {
        let roles = status.roles.activity.as_ref();
        let roles = roles.is_some_and(|activity| !activity.judging);
        let segments = status.activity.as_ref().filter(|activity| !activity.judging);
        let segments = segments.map(|activity| format!("{} are being brought back", activity.pods.join(", ")));
        segments.or_else(|| roles.then(|| "roles are being put back".to_string()))
    };
    let at_work = pod
        .board
        .read(|s| s.recovery.as_ref().and_then(own).or_else(|| s.tool.clone()))?;
    Some(CommandError::BreaksOff(at_work))
}

fn told(command: FailoverCommand) -> Command {
    let by = || "gp-agent".to_string();
    match command {
        FailoverCommand::Switchover { when_idle } => Command::Switchover { when_idle, by: by() },
        FailoverCommand::CancelSwitchover => Command::CancelSwitchover,
        FailoverCommand::AcceptDataLoss => Command::AcceptDataLoss { by: by() },
        FailoverCommand::Pause => Command::Takeovers(Mode::Paused),
        FailoverCommand::Resume => Command::Takeovers(Mode::Auto),
    }
}
