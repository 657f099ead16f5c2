//! One of the world's pods, as the supervisor sees it: its volume and its server.

use super::fake_engine::absent;
use super::fake_server::FakeServer;
use super::world::{GRACE, Permit, Rules, World};
use crate::lifecycle::pod::leadership::Wish;
use crate::lifecycle::postmaster::platform::{Platform, Withheld};
use crate::sys::postgres::pidfile::Occupant;
use anyhow::{Result, bail};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use gp_agent_core::postgres::supervisor::ServerRefusal;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a question takes that is answered, and one that is not.
pub(super) const ANSWER: Duration = Duration::from_millis(10);
pub(super) const SILENCE: Duration = Duration::from_secs(2);
pub(super) const TOOL: Duration = Duration::from_millis(20);

pub(super) struct FakePod {
    pub(super) world: Arc<World>,
    pub(super) i: usize,
    shutdown: watch::Receiver<bool>,
    restarts: u32,
}

impl FakePod {
    pub(super) fn new(world: &Arc<World>, i: usize, shutdown: watch::Receiver<bool>, restarts: u32) -> Self {
        world.lock().pods[i].watched = false;
        world.lock().pods[i].phase = Some(Phase::Preparing);
        FakePod {
            world: world.clone(),
            i,
            shutdown,
            restarts,
        }
    }

    pub(super) fn other(&self) -> usize {
        1 - self.i
    }

    fn own(&self) -> Directory {
        self.world
            .read(self.i, |pod| pod.directory.clone())
            .unwrap_or(absent(DirectoryKind::Absent))
    }

    /// Nothing may be written or started while an administrator works there.
    pub(super) fn must_be_free(&self, what: &str) {
        let mut inner = self.world.lock();
        let pod = &inner.pods[self.i];
        let fault = match (&pod.hold, pod.must_stay_stopped) {
            (Some(_), _) => "held",
            (None, true) => "stopped by an administrator",
            (None, false) => return,
        };
        inner.faults.push(format!("pod {}: {what} while {fault}", self.i));
    }

    fn must_be_permitted(&self, what: &str, own: &Directory) {
        let permit = self.world.read(self.i, |pod| pod.permit);
        if own.kind == DirectoryKind::Primary && permit != Permit::Given {
            self.world
                .fault(format!("pod {}: {what} while its permit is {permit:?}", self.i));
        }
    }

    /// What the world knows better than the agent.
    fn must_not_be_second(&self, own: &Directory) {
        let mut inner = self.world.lock();
        let (pod, other) = (&inner.pods[self.i], &inner.pods[self.other()]);
        let knew = own.timeline < pod.told;
        // Who was promoted since the agent's last question cannot have been heard; the next one stops this server. And a process
        // that no signal ends is nobody's fault.
        let just_now = other.promoted.is_some_and(|when| when.elapsed() <= ANSWER);
        let beside = other.writable() && !other.unstoppable() && !just_now;
        // A question that was asked into silence is waited for to its end.
        let heard = !inner.silent && inner.heard_since.elapsed() > SILENCE && beside;
        let demoted = !pod.is_primary_in_catalog && !just_now;
        let never = self.world.rules == Rules::Catalog && (beside || demoted);
        if knew || heard || never {
            let fault = format!(
                "pod {} starts a second writable server (knew {knew}, heard {heard}): {own:?}",
                self.i
            );
            inner.faults.push(fault);
        }
    }
}

impl Platform for FakePod {
    type Server = FakeServer;
    type Engine = FakePod;

    fn engine(&self) -> &FakePod {
        self
    }

    async fn ending(&self) {
        let mut shutdown = self.shutdown.clone();
        if shutdown.wait_for(|ending| *ending).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn grace(&self) -> Duration {
        GRACE
    }

    fn held(&self) -> io::Result<Option<String>> {
        let mut inner = self.world.lock();
        inner.pods[self.i].looks += 1;
        Ok(inner.pods[self.i].hold.clone())
    }

    fn set_held(&self, reason: Option<&str>) -> io::Result<()> {
        let mut inner = self.world.lock();
        let pod = &mut inner.pods[self.i];
        if reason.is_some() && pod.volume_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        pod.hold = reason.map(str::to_string);
        if reason.is_none() {
            pod.must_stay_stopped = false;
        }
        pod.given_back = reason.is_none();
        self.world.stirred[self.i].notify_waiters();
        Ok(())
    }

    fn stopped(&self) -> Option<Ending> {
        self.world.read(self.i, |pod| pod.stopped).filter(|_| self.restarts > 0)
    }

    fn set_stopped(&self, ending: Option<Ending>) {
        self.world.lock().pods[self.i].stopped = ending;
    }

    async fn occupant(&self) -> io::Result<Occupant> {
        let running = |server: &Arc<FakeServer>| server.runs().then_some(server.pid);
        let pid = self.world.read(self.i, |pod| pod.server.as_ref().and_then(running));
        Ok(pid.map_or(Occupant::Nobody, Occupant::Postmaster))
    }

    fn directory_exists(&self) -> bool {
        self.world.read(self.i, |pod| pod.directory.is_some())
    }

    async fn adopt(&self, pid: i32) -> Result<Option<Arc<FakeServer>>> {
        sleep(TOOL).await;
        let server = self.world.read(self.i, |pod| pod.server.clone());
        Ok(server.filter(|server| server.runs() && server.pid == pid))
    }

    async fn end_leftovers(&self, _pids: &[i32]) {}

    async fn examine(&self) -> Result<Directory> {
        sleep(TOOL).await;
        Ok(self.own())
    }

    fn running_directory(&self) -> Directory {
        self.own()
    }

    async fn prepare_start(&self) -> Result<()> {
        sleep(TOOL).await;
        self.must_be_free("settings are written");
        self.world.lock().pods[self.i].remembered = true;
        if self.world.read(self.i, |pod| pod.bad_settings) {
            bail!("the server refuses its settings");
        }
        Ok(())
    }

    fn withheld(&self, own: &Directory, wish: Wish) -> Option<Withheld> {
        let writes = wish == Wish::Create || own.kind == DirectoryKind::Primary;
        match self.world.read(self.i, |pod| pod.permit) {
            Permit::Given => None,
            Permit::Awaited => writes.then(|| Withheld::Wait("nobody knows yet".into())),
            Permit::Lost => writes.then_some(Withheld::Rejoin),
        }
    }

    async fn must_stop(&self) -> String {
        loop {
            let stirred = self.world.stirred[self.i].notified();
            if std::mem::take(&mut self.world.lock().pods[self.i].must_stop) {
                return "handed over".into();
            }
            stirred.await;
        }
    }

    fn spawn(&self) -> Result<Arc<FakeServer>> {
        self.must_be_free("a server is started");
        let own = self.own();
        self.must_be_permitted("a server that takes writes is started", &own);
        if own.kind == DirectoryKind::Primary {
            self.must_not_be_second(&own);
        }
        self.world.lock().pods[self.i].starts.push(Instant::now());
        Ok(self.world.serve(self.i))
    }

    fn is_ending(&self, server: &FakeServer) -> bool {
        !server.runs() || server.stopping.load(Ordering::Relaxed)
    }

    async fn has_begun_to_end(&self, server: &FakeServer) -> bool {
        self.is_ending(server)
    }

    async fn ended(&self, server: &FakeServer) -> (Ending, String) {
        let ending = server.end().await;
        sleep(TOOL).await;
        (ending, format!("{ending:?}"))
    }

    async fn outgrown(&self) -> String {
        loop {
            let stirred = self.world.stirred[self.i].notified();
            let outgrown = self.world.read(self.i, |pod| pod.outgrown && pod.hold.is_none());
            if outgrown {
                return "outgrown".into();
            }
            stirred.await;
        }
    }

    async fn withdraw_role(&self, within: Duration) {
        sleep(within / 2).await;
    }

    async fn news(&self) {
        self.world.news[self.i].notified().await;
    }

    async fn mended(&self) {
        self.world.mended[self.i].notified().await;
    }

    fn show(&self, phase: Phase, _reason: &str) {
        let mut inner = self.world.lock();
        let before = inner.pods[self.i].phase.unwrap_or(Phase::Preparing);
        if !phase.may_follow(before) {
            let fault = format!("pod {}: {phase:?} after {before:?}", self.i);
            inner.faults.push(fault);
        }
        let pod = &mut inner.pods[self.i];
        pod.phase = Some(phase);
        pod.phases.push(phase);
        if phase == Phase::Stopped && pod.given_back {
            let fault = format!("pod {}: it stays stopped though it was given back", self.i);
            inner.faults.push(fault);
        }
    }

    fn show_server(&self, _server: &FakeServer, _starts: u64) {
        self.world.lock().pods[self.i].watched = true;
    }

    fn show_no_server(&self) {}

    fn show_last_end(&self, _words: &str) {}

    fn show_refusal(&self, _refusal: Option<&ServerRefusal>) {}
}
