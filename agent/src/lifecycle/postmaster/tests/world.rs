//! Two pods of one content with volumes, servers and a network between them, none of it real. Time is tokio's, paused, so that
//! hours pass in no time. What the world itself sees of the agents' faults it writes down.

use super::fake_pod::FakePod;
use super::fake_server::FakeServer;
use crate::lifecycle::postmaster::supervisor::{Command, HoldAnswer, Supervisor};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use gp_agent_core::process::shutdown_schedule::ShutdownSchedule;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

pub(super) const GRACE: Duration = Duration::from_secs(30);

/// Whose word counts before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// The other pod's: PostgreSQL.
    Partner,
    /// A catalog's, kept by a coordinator that is no part of this world: Greenplum's segments.
    Catalog,
}

/// What the record says of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Permit {
    /// It may write.
    #[default]
    Given,
    /// Nobody knows yet.
    Awaited,
    /// Another one took over.
    Lost,
}

/// One pod: what is on its volume, what runs in it, and what happens to it.
#[derive(Debug, Default)]
pub(super) struct PodState {
    pub directory: Option<Directory>,
    pub server: Option<Arc<FakeServer>>,
    pub hold: Option<String>,
    pub stopped: Option<Ending>,
    /// The agent's memory on the volume.
    pub newest_timeline: u32,
    /// Whether the volume remembers that it has had the database.
    pub remembered: bool,
    /// What was really said to it, of this database.
    pub told: u32,
    /// What an administrator did: the agent must not start the server.
    pub must_stay_stopped: bool,
    /// An administrator gave it back after the last stop by hand: it must not stay stopped.
    pub given_back: bool,
    /// Whether the agent knows of the server that runs. What happens to another one it cannot know.
    pub watched: bool,
    pub crashes_after: Option<Duration>,
    pub deaf: (bool, bool),
    pub volume_full: bool,
    pub bad_settings: bool,
    /// The server has to start anew; each start mends it.
    pub outgrown: bool,
    /// The volume says that this directory, which it is while it is there, makes room for a copy.
    pub left_behind: bool,
    pub ended: bool,
    pub phase: Option<Phase>,
    pub phases: Vec<Phase>,
    pub looks: u64,
    pub starts: Vec<Instant>,
    pub promoted: Option<Instant>,
    pub permit: Permit,
    /// The server has to stop, once.
    pub must_stop: bool,
    /// Whether the catalog calls it the primary.
    pub is_primary_in_catalog: bool,
}

impl PodState {
    pub(super) fn runs(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.runs())
    }

    /// Whether no signal ends it.
    pub(super) fn unstoppable(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| server.runs() && server.ignores_immediate())
    }

    pub(super) fn writable(&self) -> bool {
        let primary = |d: &Directory| d.kind == DirectoryKind::Primary;
        self.runs() && self.directory.as_ref().is_some_and(primary)
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    pub pods: [PodState; 2],
    pub silent: bool,
    /// When peers could be heard again.
    pub heard_since: Instant,
    pub faults: Vec<String>,
    next: i32,
}

/// Everything.
pub(super) struct World {
    pub rules: Rules,
    inner: Mutex<Inner>,
    commands: [Mutex<Option<mpsc::Sender<Command>>>; 2],
    kill: [Notify; 2],
    /// Somebody tells the pod to look again.
    pub news: [Notify; 2],
    /// Somebody changes the parameters.
    pub mended: [Notify; 2],
    /// What a running server has to do may have changed.
    pub stirred: [Notify; 2],
    shutdown: [Mutex<watch::Sender<bool>>; 2],
}

pub(super) fn directory(kind: DirectoryKind, timeline: u32) -> Directory {
    Directory {
        kind,
        system_id: Some("7".into()),
        timeline,
    }
}

impl World {
    /// A primary and its mirror, both stopped as by a deletion of their pods.
    pub(super) fn new(rules: Rules) -> Arc<World> {
        let kinds = [DirectoryKind::Primary, DirectoryKind::Standby];
        let mut pods = kinds.map(|kind| PodState {
            directory: Some(directory(kind, 1)),
            ..PodState::default()
        });
        pods[0].is_primary_in_catalog = true;
        Arc::new(World {
            rules,
            inner: Mutex::new(Inner {
                pods,
                silent: false,
                heard_since: Instant::now(),
                faults: Vec::new(),
                next: 100,
            }),
            commands: Default::default(),
            kill: Default::default(),
            news: Default::default(),
            mended: Default::default(),
            stirred: Default::default(),
            shutdown: [(); 2].map(|()| Mutex::new(watch::Sender::new(false))),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn read<T>(&self, i: usize, look: impl FnOnce(&PodState) -> T) -> T {
        look(&self.lock().pods[i])
    }

    /// The server has to stop, once, if one runs.
    pub(super) fn hand_over(&self, i: usize) {
        let pod = &mut self.lock().pods[i];
        pod.must_stop = pod.runs();
        self.stirred[i].notify_waiters();
    }

    /// The server has to start anew, if one runs.
    pub(super) fn outgrow(&self, i: usize) {
        let pod = &mut self.lock().pods[i];
        pod.outgrown = pod.runs();
        self.stirred[i].notify_waiters();
    }

    /// The replica can never follow again, if one runs.
    pub(super) fn leave_behind(&self, i: usize) {
        let pod = &mut self.lock().pods[i];
        let replica = pod.directory.as_ref().is_some_and(|d| d.kind == DirectoryKind::Standby);
        // One that was before stays so.
        let falls_behind = pod.runs() && replica;
        pod.left_behind |= falls_behind;
        pod.outgrown |= falls_behind;
        self.stirred[i].notify_waiters();
    }

    pub(super) fn set_silent(&self, silent: bool) {
        let mut inner = self.lock();
        if inner.silent && !silent {
            inner.heard_since = Instant::now();
        }
        inner.silent = silent;
    }

    pub(super) fn fault(&self, what: String) {
        self.lock().faults.push(what);
    }

    /// What init and the kubelet do: an agent that dies is started again, a pod that ended comes back.
    pub(super) async fn live(self: &Arc<Self>, i: usize) {
        let mut restarts = 0;
        loop {
            let shutdown = self.shutdown[i].lock().unwrap().subscribe();
            let pod = FakePod::new(self, i, shutdown.clone(), restarts);
            let (sender, commands) = mpsc::channel(4);
            *self.commands[i].lock().unwrap() = Some(sender);
            let supervisor = Supervisor::new(&pod, commands).run();
            tokio::select! {
                () = supervisor => {
                    self.after_the_end(i);
                    restarts = 0;
                    sleep(Duration::from_secs(1)).await;
                }
                () = self.kill[i].notified() => restarts += 1,
            }
            if *shutdown.borrow() && restarts > 0 {
                // init ends what the agent left; then the pod comes back.
                self.after_the_end(i);
                restarts = 0;
            }
        }
    }

    fn after_the_end(&self, i: usize) {
        *self.shutdown[i].lock().unwrap() = watch::Sender::new(false);
        let mut inner = self.lock();
        let pod = &mut inner.pods[i];
        // The kernel ends what is left; a new container starts its server.
        if let Some(server) = pod.server.take() {
            server.finish(Ending::Crash);
        }
        pod.must_stay_stopped = false;
        pod.ended = true;
    }

    /// SIGTERM. Returns when the pod has ended; a fault when it does not.
    pub(super) async fn end(&self, i: usize) {
        self.lock().pods[i].ended = false;
        self.shutdown[i].lock().unwrap().send_replace(true);
        let ended = async {
            while !self.read(i, |pod| pod.ended) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let schedule = ShutdownSchedule::new(GRACE);
        if timeout(schedule.init_kill() + Duration::from_millis(50), ended)
            .await
            .is_err()
        {
            self.fault(format!("pod {i} does not end"));
        }
    }

    pub(super) fn kill_agent(&self, i: usize) {
        // From this moment on nobody watches, also before the task has noticed.
        let pod = &mut self.lock().pods[i];
        pod.watched = false;
        // What it was told of a server that is just ending dies with it.
        pod.given_back = false;
        self.kill[i].notify_one();
    }

    /// An administrator's command reaches the agent, and he has gone.
    pub(super) async fn ask_and_leave(&self, i: usize, command: impl FnOnce(HoldAnswer) -> Command) {
        let commands = self.commands[i].lock().unwrap().clone().unwrap();
        let (answer, done) = oneshot::channel();
        drop(done);
        commands.send(command(answer)).await.unwrap();
    }

    /// `gp-agent hold`, or with `None` resume. Returns what it said.
    pub(super) async fn administrate(&self, i: usize, hold: Option<&str>) -> Result<(), String> {
        let Some(commands) = self.commands[i].lock().unwrap().clone() else {
            return Err("has not begun".into());
        };
        let (answer, done) = oneshot::channel();
        let command = match hold {
            Some(reason) => Command::Hold(reason.into(), answer),
            None => Command::Resume(answer),
        };
        if commands.send(command).await.is_err() {
            return Err("ends".into());
        }
        // A moment must be enough: nothing may stand between an administrator and the answer.
        let said = timeout(Duration::from_millis(1), done).await;
        match said {
            Ok(Ok(said)) => said.map_err(|error| error.to_string()),
            // The agent was killed, or the pod ended.
            Ok(Err(_)) => Err("gone".into()),
            Err(_) => {
                self.fault(format!("pod {i}: an administrator waits for an answer"));
                Err("late".into())
            }
        }
    }

    /// A server begins to run.
    pub(super) fn serve(&self, i: usize) -> Arc<FakeServer> {
        let mut inner = self.lock();
        inner.next += 1;
        let pid = inner.next;
        let pod = &mut inner.pods[i];
        let server = Arc::new(FakeServer::new(pid, pod.deaf));
        pod.server = Some(server.clone());
        pod.watched = false;
        pod.outgrown = false;
        if let Some(after) = pod.crashes_after {
            let server = server.clone();
            tokio::spawn(async move {
                sleep(after).await;
                server.finish(Ending::Crash);
            });
        }
        server
    }

    /// An administrator, or FTS, promotes the mirror, when it runs.
    pub(super) fn promote(&self, i: usize) {
        let mut inner = self.lock();
        if !inner.pods[i].runs() || inner.pods[i].directory != Some(directory(DirectoryKind::Standby, 1)) {
            return;
        }
        // FTS promotes only when the primary is gone, and tries once more after a second before it says so.
        let lost = |server: &Arc<FakeServer>| server.has_ended_for(Duration::from_secs(1));
        if self.rules == Rules::Catalog && !inner.pods[1 - i].server.as_ref().is_none_or(lost) {
            return;
        }
        let other = inner.pods[1 - i].directory.as_ref().map_or(0, |d| d.timeline);
        inner.pods[i].directory = Some(directory(DirectoryKind::Primary, 2.max(other + 1)));
        inner.pods[i].promoted = Some(Instant::now());
        inner.pods[i].is_primary_in_catalog = true;
        inner.pods[1 - i].is_primary_in_catalog = false;
    }
}
