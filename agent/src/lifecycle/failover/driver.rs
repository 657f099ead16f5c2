//! The loop around the machine: what happens goes in, what is to be done is begun, and comes back as something that happened.
//! Nothing is waited for here but init's line, which never blocks.

use super::hands::Hands;
use super::observation::looks::Looks;
use super::observation::standbys::Standbys;
use super::record::authority::RecordPlace;
use super::record::{authority, memory};
use super::requests::Requests;
use super::status::show::Show;
use super::strategy::RoleStrategy;
use super::{actions, commits_wait, peer};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::Request;
use crate::sys::process::clock;
use crate::sys::process::init_channel::Heartbeat;
use gp_agent_core::cluster::failover_status::AuthorityKind;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::{FailoverMode, OnPodDelete};
use gp_agent_core::failover::candidate::{
    Action, Candidate, Command, Event, LocalFacts, Me, Outcome, PeerAnswer, Permit, Server,
};
use gp_agent_core::failover::record::{Holder, Mode};
use gp_agent_core::failover::timing::Timing;
use gp_agent_core::process::timeouts;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Between two tries to open the record's place.
const OPEN_EVERY: Duration = Duration::from_secs(1);
/// Between two questions to the other candidate's agent.
const PEER_EVERY: Duration = Duration::from_millis(500);
/// A moment of the machine that cannot be waited for exactly is met a little later.
const LATE: Duration = Duration::from_millis(1);

/// Keeps this pod's part of the role, until nothing is left to be done about it.
pub(super) async fn keep(pod: Arc<Pod>, role: Arc<dyn RoleStrategy>, init: Option<Arc<Heartbeat>>) {
    let timing = Timing::new(pod.config.borrow().failover.lease_seconds);
    let (Some(inbox), Some(partner)) = (pod.leadership.take_inbox(), pod.partner().cloned()) else {
        return;
    };
    let Some(place) = open(&pod, init.clone(), timing).await else {
        return;
    };
    if let Some(lock) = place.inherited.clone() {
        pod.leadership.inherit(lock);
    }
    let remembered = loop {
        match memory::recall(&pod).await {
            Ok(remembered) => break remembered,
            Err(error) => {
                pod.leadership.opening(&format!(
                    "cannot tell what this volume remembers of the record: {error}"
                ));
                if ends_before_next_try(&pod).await {
                    return;
                }
            }
        }
    };
    let me = Me {
        own: Holder {
            pod: pod.me.pod.clone(),
            uid: place.uid.clone(),
        },
        other: partner.pod.clone(),
        cluster: pod.topology.cluster.clone(),
        waits: pod.engine.commits_wait(),
        fence: init.as_ref().is_some_and(|init| init.can_fence()),
        remembered,
    };
    Driver::new(pod, role, init, place, me, timing, partner)
        .run(inbox)
        .await;
}

/// `None` where there is none, and roles are changed by hand.
async fn open(pod: &Arc<Pod>, init: Option<Arc<Heartbeat>>, timing: Timing) -> Option<RecordPlace> {
    loop {
        match authority::open(pod, init.clone(), timing.request()).await {
            Ok(Some(place)) => return Some(place),
            Ok(None) => {
                super::off(
                    pod,
                    init.as_deref(),
                    "there is no place for the record: no Lease that COORDINATOR_LEASE names, and nothing mounted at failover.directory",
                );
                return None;
            }
            Err(why) => {
                let why = why.to_string();
                pod.leadership.opening(&why);
                super::status::show::unusable(pod, &why);
            }
        }
        if ends_before_next_try(pod).await {
            return None;
        }
    }
}

/// Lets time pass. A pod that ends meanwhile has nothing to hand over.
async fn ends_before_next_try(pod: &Pod) -> bool {
    tokio::select! {
        () = sleep(OPEN_EVERY) => false,
        () = pod.ending() => {
            pod.leadership.let_stop();
            pod.leadership.drained();
            true
        }
    }
}

/// The machine, and what is done for it.
struct Driver {
    hands: Hands,
    machine: Arc<Mutex<Candidate>>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Driver {
    fn new(
        pod: Arc<Pod>,
        role: Arc<dyn RoleStrategy>,
        init: Option<Arc<Heartbeat>>,
        place: RecordPlace,
        me: Me,
        timing: Timing,
        partner: Member,
    ) -> Driver {
        let (happened, events) = mpsc::unbounded_channel();
        Driver {
            machine: Arc::new(Mutex::new(Candidate::new(me.clone(), timing, clock::boottime()))),
            hands: Hands {
                show: Show::new(&pod, &place, &me, timing),
                requests: Requests::new(me.own.clone()),
                own: me.own,
                place: Arc::new(place),
                proof: Arc::default(),
                look_now: Arc::default(),
                pod,
                role,
                init,
                partner,
                timing,
                happened,
            },
            events,
        }
    }

    fn machine(&self) -> MutexGuard<'_, Candidate> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        self.begin();
        self.hands.pod.leadership.runs(&self.machine);
        loop {
            let now = clock::boottime();
            let due = self.machine().due().map(|due| due.saturating_sub(now));
            let event = tokio::select! {
                biased;
                Some(request) = inbox.recv() => {
                    if matches!(request, Request::Look) {
                        self.hands.look_now.notify_one();
                    }
                    match self.hands.requests.take(&self.hands.pod, request) {
                        Some(event) => event,
                        None => continue,
                    }
                }
                Some(event) = self.events.recv() => event,
                () = sleep_or_rest(due) => Event::Due,
            };
            self.step(event);
            if self.machine().view().drained {
                break;
            }
        }
        self.hands.pod.leadership.drained();
    }

    /// What runs beside the loop, and tells it what it sees.
    fn begin(&self) {
        let looks = Looks::new(
            &self.hands.pod,
            &self.hands.role,
            Standbys::new(&self.hands.pod, &self.hands.proof),
        );
        tokio::spawn(looks.keep(self.hands.happened.clone(), self.hands.look_now.clone()));
        tokio::spawn(commits_wait::keep(self.hands.pod.clone(), self.hands.proof.clone()));
        let peer = Peer {
            pod: self.hands.pod.clone(),
            partner: self.hands.partner.clone(),
            lease_seconds: self.hands.timing.lease_seconds(),
            authority: self.hands.place.authority.kind(),
            tell: self.hands.happened.clone(),
        };
        tokio::spawn(peer.clone().watch());
        tokio::spawn(peer.drain());
        let (place, changed) = (self.hands.place.clone(), self.hands.happened.clone());
        tokio::spawn(async move {
            while changed.send(Event::Changed).is_ok() {
                place.authority.changed().await;
            }
        });
    }

    fn step(&mut self, event: Event) {
        if let Event::Local(facts) = &event {
            self.open_fence(facts);
        }
        if matches!(event, Event::ProofOfDeath { .. }) {
            // What was seen before does not count.
            self.hands.look_now.notify_one();
        }
        if let Event::Wrote {
            outcome: Outcome::Done(_),
            ..
        } = event
        {
            self.hands.show.wrote();
        }
        self.hands.requests.note(&event);
        let draining = matches!(event, Event::Draining { .. });
        let actions = self.machine().on(event, clock::boottime());
        self.perform(actions);
        if draining {
            self.hands.pod.leadership.let_stop();
        }
        self.follow_configuration();
        let view = self.machine().view();
        self.hands.requests.settle(view.holder.as_ref(), view.mode);
        if self.hands.show.tell(&self.hands.pod, &view) {
            self.hands.pod.leadership.ring();
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let mut left = actions.into_iter();
        while let Some(action) = left.next() {
            if let Err(why) = actions::begin(&mut self.hands, action) {
                // What was to be asked for behind it ends as something that was not sent.
                let failed = left.by_ref().filter_map(actions::not_sent);
                for event in std::iter::once(Event::FenceFailed(why.to_string())).chain(failed) {
                    let _ = self.hands.happened.send(event);
                }
            }
        }
    }

    /// init kills whatever is started after a shot, until it is told otherwise; the machine does not know of shots that it
    /// did not name a moment for. A standby's server may be started, since nobody writes to it, and one that may be started
    /// as the coordinator's has no deadline before the next renewal names one.
    fn open_fence(&mut self, facts: &LocalFacts) {
        use gp_agent_core::cluster::directory::DirectoryKind::Standby;
        let may_start = facts.directory.kind == Standby || self.machine().may_start() == Permit::Yes;
        if facts.server == Server::Down && may_start && self.hands.pod.leadership.has_closed_fence() {
            actions::disarm(&self.hands);
        }
    }

    /// The record says which mode the configuration asks for. A pause is a person's, and stays.
    fn follow_configuration(&mut self) {
        let manual = self.hands.pod.config.borrow().failover.mode == FailoverMode::Manual;
        let view = self.machine().view();
        let holds = view.holder.as_ref() == Some(&self.hands.own);
        let wanted = match (manual, view.mode) {
            (true, Mode::Auto) => Mode::Manual,
            (false, Mode::Manual) => Mode::Auto,
            _ => return,
        };
        if holds {
            let actions = {
                let command = Event::Command(Command::Takeovers(wanted));
                self.machine().on(command, clock::boottime())
            };
            self.perform(actions);
        }
    }
}

async fn sleep_or_rest(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time + LATE).await,
        None => std::future::pending().await,
    }
}

/// What the other candidate's agent says, as long as this pod lives.
#[derive(Clone)]
struct Peer {
    pod: Arc<Pod>,
    partner: Member,
    lease_seconds: u32,
    authority: AuthorityKind,
    tell: mpsc::UnboundedSender<Event>,
}

impl Peer {
    async fn ask(&self) -> PeerAnswer {
        peer::ask(&self.pod, &self.partner, self.lease_seconds, &self.authority).await
    }

    async fn watch(self) {
        while self.tell.send(Event::Peer(self.ask().await)).is_ok() {
            sleep(PEER_EVERY).await;
        }
    }

    /// When the pod ends: whether the other one ends too is seen within a second, as the signals of one deletion arrive.
    async fn drain(self) {
        let pod = &self.pod;
        pod.ending().await;
        let mut hand_over = pod.config.borrow().failover.on_pod_delete == OnPodDelete::HandOver;
        let holder = pod.leadership.view().and_then(|view| view.holder);
        let until = clock::boottime() + timeouts::SHUTDOWN_SIGNALS_ARRIVE;
        while hand_over && holder.as_ref().is_some_and(|holder| holder.pod == pod.me.pod) && clock::boottime() < until {
            hand_over = match self.ask().await {
                PeerAnswer::Facts(facts) => !facts.draining,
                // It lives.
                PeerAnswer::NotUnderstood(_) => true,
                PeerAnswer::Silent => false,
            };
            sleep(PEER_EVERY / 5).await;
        }
        let _ = self.tell.send(Event::Draining { hand_over });
    }
}
