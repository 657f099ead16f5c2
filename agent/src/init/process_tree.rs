//! What the agent left running, and how it is stopped without hurting a database.

use super::log::{error, info, warning};
use crate::sys::process::brief;
use crate::sys::process::{Process, ProcessInfo, signal_name};
use gp_agent_core::process::shutdown_schedule::ShutdownStage;
use rustix::process::Signal;
use std::collections::HashMap;
use std::io;

/// What a process is to init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The agent.
    Agent,
    /// The first `postgres` (or `postmaster`) process of its family: stopping it stops the database.
    Postmaster,
    /// Anything below a postmaster: only the postmaster may stop it.
    Backend,
    /// sshd, a helper, an orphan.
    Other,
}

/// Whose processes init has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// init's PID.
    pub init: i32,
    /// The agent's PID while it runs.
    pub agent: Option<i32>,
    /// Postmasters of the whole PID namespace count, not only init's descendants: init is PID 1.
    pub namespace: bool,
}

/// Tells what each process is; those that are not init's business are left out, and so are zombies.
///
/// A shell that was brought in from outside (`docker exec`) is not a descendant of PID 1. It is left alone, and nobody
/// waits for it; a postmaster that runs below it counts all the same.
pub(crate) fn classify(all: Vec<ProcessInfo>, scope: Scope) -> Vec<(ProcessInfo, Kind)> {
    let tree: HashMap<i32, (i32, bool)> = all.iter().map(|p| (p.pid, (p.ppid, is_postgres(&p.comm)))).collect();
    all.into_iter()
        .filter(|p| p.pid != scope.init && !matches!(p.state, 'Z' | 'X'))
        .filter_map(|p| {
            let (below_init, below_postgres) = ancestry(&tree, p.ppid, scope.init);
            let kind = match is_postgres(&p.comm) {
                _ if below_postgres => Kind::Backend,
                true => Kind::Postmaster,
                false if Some(p.pid) == scope.agent => Kind::Agent,
                false => Kind::Other,
            };
            let database = matches!(kind, Kind::Postmaster | Kind::Backend);
            (below_init || scope.namespace && database).then_some((p, kind))
        })
        .collect()
}

fn is_postgres(comm: &str) -> bool {
    matches!(comm, "postgres" | "postmaster")
}

/// Whether `pid` or an ancestor of it is init, and whether one of them is a postgres process.
fn ancestry(tree: &HashMap<i32, (i32, bool)>, mut pid: i32, init: i32) -> (bool, bool) {
    let mut below_postgres = false;
    // The list is not one instant's: a reused PID might close a circle, so the walk is bounded.
    for _ in 0..tree.len() {
        if pid == init {
            return (true, below_postgres);
        }
        let Some((parent, postgres)) = tree.get(&pid) else {
            break;
        };
        below_postgres |= postgres;
        pid = *parent;
    }
    (false, below_postgres)
}

/// The signal that a process of that kind gets at that stage.
pub(crate) fn signal_for(kind: Kind, stage: ShutdownStage) -> Option<Signal> {
    match (stage, kind) {
        (ShutdownStage::Watch | ShutdownStage::End, _) => None,
        (ShutdownStage::Kill, _) => Some(Signal::KILL),
        (_, Kind::Agent | Kind::Backend) => None,
        (_, Kind::Other) => Some(Signal::TERM),
        (ShutdownStage::Fast, Kind::Postmaster) => Some(Signal::INT),
        (ShutdownStage::Quit, Kind::Postmaster) => Some(Signal::QUIT),
    }
}

/// Remembers who was sent what, so that each process gets each signal once.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    sent: HashMap<(i32, u64), Signal>,
    /// A postmaster was sent SIGQUIT.
    pub quit: bool,
    /// A process outside every database was sent SIGKILL.
    pub killed: bool,
    /// A process of a database was sent SIGKILL.
    pub killed_database: bool,
}

impl Leftovers {
    /// Sends what is due at this stage; answers how many processes are init's business.
    ///
    /// # Errors
    /// Those of reading /proc.
    pub(crate) fn stop(&mut self, scope: Scope, stage: ShutdownStage) -> io::Result<usize> {
        let left = classify(brief::processes()?, scope);
        for (info, kind) in &left {
            if let Some(signal) = signal_for(*kind, stage) {
                self.send(info, *kind, signal);
            }
        }
        Ok(left.len())
    }

    fn send(&mut self, info: &ProcessInfo, kind: Kind, signal: Signal) {
        let key = (info.pid, info.start_ticks);
        if self.sent.insert(key, signal) == Some(signal) {
            return;
        }
        let (pid, comm, name) = (info.pid, &info.comm, signal_name(signal.as_raw()));
        match send_to(info, signal) {
            Ok(false) => return,
            Ok(true) if signal == Signal::KILL => {
                error!("killing what did not stop in time pid={pid} comm={comm} signal={name}");
            }
            Ok(true) if signal == Signal::QUIT => {
                warning!("stopping a postmaster without a checkpoint pid={pid} signal={name}");
            }
            Ok(true) => info!("stopping what is left pid={pid} comm={comm} signal={name}"),
            Err(why) => {
                error!("cannot stop what is left pid={pid} comm={comm} signal={name}: {why}");
                return;
            }
        }
        match (signal, kind) {
            (Signal::QUIT, _) => self.quit = true,
            (Signal::KILL, Kind::Postmaster | Kind::Backend) => self.killed_database = true,
            (Signal::KILL, _) => self.killed = true,
            _ => (),
        }
    }
}

/// Sends to that very process; false when it is gone.
pub(crate) fn send_to(info: &ProcessInfo, signal: Signal) -> io::Result<bool> {
    let gone = |why: &io::Error| why.raw_os_error() == Some(libc::ESRCH);
    let held = match Process::adopt(info.pid) {
        Ok(held) => held,
        Err(why) if gone(&why) => return Ok(false),
        Err(why) => return Err(why),
    };
    // Held now; but the PID may have passed to another process since the list was read.
    let same = |now: ProcessInfo| now.start_ticks == info.start_ticks && now.state != 'Z';
    if !brief::process(info.pid).is_some_and(same) {
        return Ok(false);
    }
    match held.signal(signal) {
        Ok(()) => (),
        Err(why) if gone(&why) => return Ok(false),
        Err(why) => return Err(why),
    }
    if matches!(info.state, 'T' | 't') && signal != Signal::KILL {
        // A stopped process notices nothing else until it goes on.
        let _ = held.signal(Signal::CONT);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(pid: i32, ppid: i32, comm: &str) -> ProcessInfo {
        ProcessInfo {
            pid,
            ppid,
            comm: comm.to_string(),
            args: Vec::new(),
            cwd: None,
            state: 'S',
            start_ticks: 1,
        }
    }

    fn kinds(all: Vec<ProcessInfo>, scope: Scope) -> Vec<(i32, Kind)> {
        classify(all, scope)
            .into_iter()
            .map(|(p, kind)| (p.pid, kind))
            .collect()
    }

    fn pod() -> Vec<ProcessInfo> {
        let mut dead = p(30, 10, "sshd");
        dead.state = 'Z';
        vec![
            p(10, 1, "gp-agent"),
            p(11, 10, "gp-agent"),
            p(12, 11, "postgres"),
            p(13, 12, "postgres"),
            p(14, 12, "sh"),
            p(15, 14, "cp"),
            p(16, 10, "postmaster"),
            p(17, 11, "sshd"),
            p(18, 17, "sshd"),
            dead,
            p(40, 0, "bash"),
            p(41, 40, "postgres"),
            p(42, 41, "postgres"),
            p(43, 40, "psql"),
        ]
    }

    #[test]
    fn a_subreapers_business_is_its_descendants() {
        use Kind::*;
        let scope = Scope {
            init: 10,
            agent: Some(11),
            namespace: false,
        };
        assert_eq!(
            kinds(pod(), scope),
            [
                (11, Agent),
                (12, Postmaster),
                (13, Backend),
                (14, Backend),
                (15, Backend),
                (16, Postmaster),
                (17, Other),
                (18, Other)
            ]
        );
    }

    #[test]
    fn pid_1_also_minds_databases_that_were_started_from_outside() {
        let scope = Scope {
            init: 10,
            agent: None,
            namespace: true,
        };
        let all = kinds(pod(), scope);
        assert!(all.contains(&(41, Kind::Postmaster)));
        assert!(all.contains(&(42, Kind::Backend)));
        assert!(!all.iter().any(|(pid, _)| [40, 43].contains(pid)));
        assert!(all.contains(&(11, Kind::Other)));
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let scope = Scope {
            init: 1,
            agent: None,
            namespace: false,
        };
        assert!(kinds(vec![p(5, 6, "a"), p(6, 5, "b")], scope).is_empty());
    }

    #[test]
    fn nobody_but_the_postmaster_touches_a_backend_before_the_last_moment() {
        for stage in [ShutdownStage::Watch, ShutdownStage::Fast, ShutdownStage::Quit] {
            assert_eq!(signal_for(Kind::Backend, stage), None);
            assert_eq!(signal_for(Kind::Agent, stage), None);
        }
        let postmaster = [
            ShutdownStage::Watch,
            ShutdownStage::Fast,
            ShutdownStage::Quit,
            ShutdownStage::Kill,
            ShutdownStage::End,
        ]
        .map(|stage| signal_for(Kind::Postmaster, stage));
        let expected = [Signal::INT, Signal::QUIT, Signal::KILL].map(Some);
        assert_eq!(postmaster[1..4], expected);
        assert_eq!((postmaster[0], postmaster[4]), (None, None));
        assert_eq!(signal_for(Kind::Other, ShutdownStage::Fast), Some(Signal::TERM));
    }
}
