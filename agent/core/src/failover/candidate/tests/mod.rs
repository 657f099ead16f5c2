//! The rules, one by one, on one machine.

mod afterwards;
mod holder;
mod other;
mod standby;
mod step_aside;

use super::*;
use crate::cluster::directory::DirectoryKind;
use crate::failover::record::{FORMAT, Holder, InSync, Mode, Record, Seen, Version};

const D: u64 = 10_000;
const H: u64 = 7_000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pod(name: usize, uid: &str) -> Holder {
    Holder {
        pod: format!("coordinator-{name}"),
        uid: uid.into(),
    }
}

fn in_sync(uid: &str) -> InSync {
    InSync {
        pod: "coordinator-1".into(),
        uid: uid.into(),
        stream: "s".into(),
    }
}

/// A record that coordinator-0 holds.
fn record(serial: u64, in_sync: Option<InSync>) -> Record {
    Record {
        format: FORMAT,
        serial,
        cluster: "c".into(),
        system_id: "1".into(),
        timeline: 1,
        holder: Some(pod(0, "a")),
        epoch: 1,
        in_sync,
        released: None,
        mode: Mode::Auto,
        switchover: None,
        lease_seconds: 10,
    }
}

fn local(kind: DirectoryKind, server: Server) -> Event {
    let directory = Directory {
        kind,
        system_id: Some("1".into()),
        timeline: 1,
    };
    let volume_hangs_since = None;
    Event::Local(LocalFacts {
        at: Duration::ZERO,
        directory,
        server,
        volume_hangs_since,
    })
}

fn writable(stream: Option<Stream>) -> Event {
    let hangs_since = None;
    local(DirectoryKind::Primary, Server::Writable { stream, hangs_since })
}

fn peer(uid: &str) -> PeerFacts {
    PeerFacts {
        pod: pod(1, uid),
        unable: None,
        draining: false,
        stream: Some("s".into()),
        directory: Some(DirectoryKind::Standby),
        timeline: 1,
        writable: false,
        epoch: 1,
    }
}

/// A machine, and the moment.
struct Bench {
    machine: Candidate,
    now: u64,
    version: u64,
}

impl Bench {
    fn new(own: Holder, waits: CommitsWait) -> Bench {
        let other = if own.pod == "coordinator-0" {
            "coordinator-1"
        } else {
            "coordinator-0"
        };
        let me = Me {
            own,
            other: other.into(),
            cluster: "c".into(),
            waits,
            fence: true,
            remembered: None,
        };
        Bench {
            machine: Candidate::new(me, Timing::new(10), ms(0)),
            now: 0,
            version: 0,
        }
    }

    /// Between two events the agent looks, and sees what it saw.
    fn on(&mut self, mut event: Event) -> Vec<Action> {
        let seen = match &mut event {
            Event::Local(facts) => Some(facts),
            _ => self.machine.local.as_mut(),
        };
        if let Some(facts) = seen {
            facts.at = ms(self.now);
        }
        self.machine.on(event, ms(self.now))
    }

    fn at(&mut self, now: u64) -> Vec<Action> {
        self.now = now;
        self.on(Event::Due)
    }

    /// Answers the read that is open, or asks for one.
    fn reads(&mut self, actions: &[Action], seen: Seen, version: u64) -> Vec<Action> {
        let ticket = actions.iter().find_map(|a| match a {
            Action::Read(ticket) => Some(*ticket),
            _ => None,
        });
        let ticket = ticket.unwrap_or_else(|| panic!("no read in {actions:?}"));
        self.version = version;
        let found = Ok((seen, Version(version.to_string())));
        self.on(Event::Read { ticket, found })
    }

    fn done(&mut self, ticket: Ticket) -> Vec<Action> {
        self.version += 1;
        let outcome = Outcome::Done(Version(self.version.to_string()));
        self.on(Event::Wrote { ticket, outcome })
    }
}

fn written(actions: &[Action]) -> Option<(Ticket, &Record)> {
    actions.iter().find_map(|a| match a {
        Action::Write { ticket, record, .. } => Some((*ticket, record)),
        _ => None,
    })
}

fn place(actions: &[Action], is: impl Fn(&Action) -> bool) -> Option<usize> {
    actions.iter().position(is)
}
