//! What the other tasks know of, and tell, the task that keeps the coordinator's role: may a server that takes writes be started,
//! does the one that runs have to stop, what did somebody ask for. That task runs on a thread of its own
//! (`lifecycle/failover`).

use super::role_report::RoleReport;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::failover_command::{CommandError, FailoverCommand};
use gp_agent_core::failover::candidate::{Candidate, Doing, Permit, Reply, View};
use gp_agent_core::failover::record::Holder;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// What is to be done with a directory, as far as it needs leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A database is to be made.
    Create,
    /// The server is to be started.
    Start,
    /// Nothing: the engine waits, or refuses. Whoever has the role may still be news.
    Nothing,
}

/// Something that the task is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// A server that takes writes would be started, if it might.
    StartWanted,
    /// The server is gone, or one was started: time for a look.
    Look,
    /// The other candidate asks for a promise.
    Promise {
        /// The epoch in which it holds.
        epoch: u64,
        /// For how long.
        seconds: u32,
        /// Who it says it is.
        by: Holder,
        /// Where it asks from.
        from: IpAddr,
        /// The answer and who gives it; dropped where none is given.
        answer: oneshot::Sender<(Holder, Reply)>,
    },
    /// An administrator asks for something.
    Command {
        /// What.
        command: FailoverCommand,
        /// What was done, or why it is not.
        answer: oneshot::Sender<Result<String, CommandError>>,
    },
}

/// Why no server that takes writes may be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// Not now; the text says what is waited for.
    Wait(String),
    /// Another pod took over, and this directory has to follow it.
    Rejoin,
}

/// Where the task stands.
#[derive(Debug)]
enum Stage {
    /// Nothing watches over who writes; why.
    Off(String),
    /// The record's place cannot be used yet; why.
    Opening(String),
    /// The machine decides.
    Runs(Arc<Mutex<Candidate>>),
}

/// Shared by all tasks.
#[derive(Debug)]
pub struct Leadership {
    stage: Mutex<Stage>,
    stop: watch::Sender<Option<String>>,
    changed: watch::Sender<()>,
    drained: watch::Sender<bool>,
    may_stop: watch::Sender<bool>,
    requests: mpsc::UnboundedSender<Request>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Request>>>,
    /// Ends of servers that were told, and those that the machine knows of.
    ends: (AtomicU64, AtomicU64),
    /// What this pod's status says of it beside the machine's view.
    pub(crate) report: RoleReport,
    /// init kills whatever is started.
    fence_closed: AtomicBool,
    /// What every server inherits: as long as somebody has it, this pod's coordinator may live.
    inherited: OnceLock<Arc<OwnedFd>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leadership {
    /// Nothing may be started until more is known; or, with words why, nothing is ever watched over.
    pub fn new(off: Option<&str>) -> Leadership {
        let (requests, inbox) = mpsc::unbounded_channel();
        let stage = match off {
            Some(why) => Stage::Off(why.to_string()),
            None => Stage::Opening("failover begins".to_string()),
        };
        Leadership {
            drained: watch::Sender::new(off.is_some()),
            may_stop: watch::Sender::new(off.is_some()),
            stage: Mutex::new(stage),
            stop: watch::Sender::new(None),
            changed: watch::Sender::new(()),
            requests,
            inbox: Mutex::new(off.is_none().then_some(inbox)),
            ends: Default::default(),
            report: RoleReport::default(),
            fence_closed: AtomicBool::new(false),
            inherited: OnceLock::new(),
        }
    }

    /// Why nothing of it runs, if that is so.
    pub(crate) fn off(&self) -> Option<String> {
        match &*lock(&self.stage) {
            Stage::Off(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// What is asked, for the task alone.
    pub(crate) fn take_inbox(&self) -> Option<mpsc::UnboundedReceiver<Request>> {
        lock(&self.inbox).take()
    }

    /// Asks.
    pub(crate) fn request(&self, request: Request) {
        // Without a task nobody needs it.
        let _ = self.requests.send(request);
    }

    /// Nothing of it runs, and nothing is kept back.
    pub(crate) fn switch_off(&self, why: &str) {
        *lock(&self.stage) = Stage::Off(why.to_string());
        self.drained.send_replace(true);
        self.may_stop.send_replace(true);
        self.changed.send_replace(());
    }

    /// The record's place cannot be used yet.
    pub(crate) fn opening(&self, why: &str) {
        *lock(&self.stage) = Stage::Opening(why.to_string());
    }

    /// The machine decides from now on.
    pub(crate) fn runs(&self, candidate: &Arc<Mutex<Candidate>>) {
        *lock(&self.stage) = Stage::Runs(candidate.clone());
        self.ring();
    }

    fn candidate(&self) -> Option<Arc<Mutex<Candidate>>> {
        match &*lock(&self.stage) {
            Stage::Runs(candidate) => Some(candidate.clone()),
            _ => None,
        }
    }

    /// Why that may not be done with a directory of that kind. To be asked as the last thing before.
    pub(crate) fn hindrance(&self, own: DirectoryKind, wish: Wish) -> Option<Hindrance> {
        let create = wish == Wish::Create;
        let opening = match &*lock(&self.stage) {
            Stage::Off(_) => return None,
            Stage::Opening(why) => Some(why.clone()),
            Stage::Runs(_) => None,
        };
        let writes = create || own == DirectoryKind::Primary;
        if let Some(why) = opening {
            return writes.then_some(Hindrance::Wait(why));
        }
        if create {
            return self.keeps_from_creating().map(Hindrance::Wait);
        }
        if self.ends.1.load(Ordering::Acquire) < self.ends.0.load(Ordering::Acquire) {
            return Some(Hindrance::Wait("looking how the last server ended".to_string()));
        }
        match own {
            DirectoryKind::Primary => self.keeps_from_writing(wish),
            DirectoryKind::Standby => self.keeps_closed(),
            _ => None,
        }
    }

    fn keeps_from_creating(&self) -> Option<String> {
        let unclaimed = self.view().is_some_and(|view| view.unclaimed);
        let why = "the record says that this cluster has a database already, or has not been read yet";
        (!unclaimed).then(|| why.to_string())
    }

    fn keeps_from_writing(&self, wish: Wish) -> Option<Hindrance> {
        let candidate = self.candidate()?;
        let View {
            permit,
            doing,
            unclaimed,
            ..
        } = lock(&candidate).view();
        match permit {
            // The first record would make the coordinator of a directory that is not to be started.
            Permit::No(_) if unclaimed && wish == Wish::Nothing => None,
            Permit::Yes => self.keeps_closed(),
            Permit::No(_) if doing == Doing::Rejoining => Some(Hindrance::Rejoin),
            Permit::No(why) => {
                self.request(Request::StartWanted);
                Some(Hindrance::Wait(why))
            }
        }
    }

    /// The server may be started, but init would kill it.
    fn keeps_closed(&self) -> Option<Hindrance> {
        if !self.fence_closed.load(Ordering::Acquire) {
            return None;
        }
        self.request(Request::Look);
        Some(Hindrance::Wait(
            "init is told that servers may be started again".to_string(),
        ))
    }

    /// init kills whatever is started, or does so no more.
    pub(crate) fn fence_is_closed(&self, closed: bool) {
        self.fence_closed.store(closed, Ordering::Release);
    }

    /// Whether init kills whatever is started.
    pub(crate) fn has_closed_fence(&self) -> bool {
        self.fence_closed.load(Ordering::Acquire)
    }

    /// What every server inherits from now on.
    pub(crate) fn inherit(&self, lock: Arc<OwnedFd>) {
        // It is the same one for good.
        let _ = self.inherited.set(lock);
    }

    /// That.
    pub(crate) fn inherited(&self) -> Option<&Arc<OwnedFd>> {
        self.inherited.get()
    }

    /// Whether the record is known to name a coordinator: then a directory's own role is no reason for anything.
    pub(crate) fn decides(&self) -> bool {
        self.view().is_some_and(|view| view.epoch > 0)
    }

    /// What the machine shows of itself, while there is one.
    pub(crate) fn view(&self) -> Option<View> {
        let candidate = self.candidate()?;
        let view = lock(&candidate).view();
        Some(view)
    }

    /// A server is gone; the order to stop it with it.
    pub(crate) fn server_gone(&self) {
        self.ends.0.fetch_add(1, Ordering::AcqRel);
        self.stop.send_replace(None);
        self.request(Request::Look);
    }

    /// How many servers went so far.
    pub(crate) fn ends_told(&self) -> u64 {
        self.ends.0.load(Ordering::Acquire)
    }

    /// The machine knows of that many.
    pub(crate) fn ends_known(&self, count: u64) {
        if self.ends.1.swap(count, Ordering::AcqRel) != count {
            self.ring();
        }
    }

    /// Has the supervisor stop the server in order, unless it has gone since there were so many ends ([`Leadership::ends_told`]).
    pub(crate) fn stop(&self, why: &str, ends: u64) {
        self.stop.send_if_modified(|stop| {
            let same = self.ends_told() == ends;
            if same {
                *stop = Some(why.to_string());
            }
            same
        });
    }

    /// Returns when the running server has to stop, with the reason.
    pub(crate) async fn must_stop(&self) -> String {
        let mut stop = self.stop.subscribe();
        let reason = match stop.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone(),
            Err(_) => None,
        };
        match reason {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// What may be started may have changed.
    pub(crate) fn ring(&self) {
        self.changed.send_replace(());
    }

    /// Returns when it may have.
    pub(crate) async fn changed(&self) {
        let mut changed = self.changed.subscribe();
        changed.mark_unchanged();
        // The sender lives as long as self.
        let _ = changed.changed().await;
    }

    /// The pod ends, and the machine knows it: the server may be stopped.
    pub(crate) fn let_stop(&self) {
        self.may_stop.send_replace(true);
    }

    /// Returns when the server of a pod that ends may be stopped.
    pub(crate) async fn may_stop(&self) {
        // The sender lives as long as self.
        let _ = self.may_stop.subscribe().wait_for(|may| *may).await;
    }

    /// Nothing is left to be done about the role of a pod that ends.
    pub(crate) fn drained(&self) {
        self.drained.send_replace(true);
    }

    /// Returns when that is so.
    pub(crate) async fn until_drained(&self) {
        // The sender lives as long as self.
        let _ = self.drained.subscribe().wait_for(|drained| *drained).await;
    }
}
