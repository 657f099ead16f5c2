//! One of the world's pods, as the supervisor sees it. Every decision about a start is the real one.

use super::world::{FakeServer, GRACE, PodState, Rules, World, directory};
use crate::lifecycle::postmaster::platform::{Platform, Server, StopMode};
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use crate::sys::postgres::pidfile::Occupant;
use anyhow::{Result, bail};
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, CatalogRole, Segment};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::{Member, Role};
use gp_agent_core::greenplum::start_decision as by_catalog;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision as by_partner;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind, Partner, same_database};
use gp_agent_core::postgres::supervisor::Refusal;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a question takes that is answered, and one that is not.
const ANSWER: Duration = Duration::from_millis(10);
const SILENCE: Duration = Duration::from_secs(2);
const TOOL: Duration = Duration::from_millis(20);
const COPY: Duration = Duration::from_secs(3);

pub(super) struct FakePod {
    world: Arc<World>,
    i: usize,
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

    fn other(&self) -> usize {
        1 - self.i
    }

    fn own(&self) -> Directory {
        self.world
            .read(self.i, |pod| pod.directory.clone())
            .unwrap_or(absent(DirectoryKind::Absent))
    }

    fn remains(&self) -> Option<String> {
        let gone = |pod: &PodState| pod.directory.is_none() && pod.remembered;
        self.world.read(self.i, gone).then(|| "it has had one".to_string())
    }

    fn role(&self) -> Role {
        [Role::Primary, Role::Mirror][self.i]
    }

    fn member(&self, i: usize) -> Member {
        let pod = ["segment-a-0", "segment-b-0"][i];
        Member {
            pod: pod.into(),
            fqdn: format!("{pod}.gp"),
            role: [Role::Primary, Role::Mirror][i],
            content: ContentId::new(0),
            port: 1,
            data_dir: "/g".into(),
        }
    }

    fn catalog(&self) -> CatalogAnswer {
        let segment = |i: usize| {
            let primary = self.world.read(i, |pod| pod.is_primary_in_catalog);
            let member = self.member(i);
            Segment {
                dbid: 2,
                content: ContentId::new(0),
                role: if primary {
                    CatalogRole::Primary
                } else {
                    CatalogRole::Mirror
                },
                preferred_role: CatalogRole::Primary,
                in_sync: true,
                up: true,
                port: 1,
                hostname: member.fqdn.clone(),
                address: member.fqdn,
                datadir: "/g".into(),
            }
        };
        CatalogAnswer::Known(Catalog {
            segments: vec![segment(0), segment(1)],
            coordinator: "coordinator-0".into(),
            timeline: 1,
            read_at: 1,
            live: true,
        })
    }

    /// Nothing may be written or started while an administrator works there.
    fn must_be_free(&self, what: &str) {
        let mut inner = self.world.lock();
        let pod = &inner.pods[self.i];
        let fault = match (&pod.hold, pod.must_stay_stopped) {
            (Some(_), _) => "held",
            (None, true) => "stopped by an administrator",
            (None, false) => return,
        };
        inner.faults.push(format!("pod {}: {what} while {fault}", self.i));
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

/// No directory; one that is remembered is told to peers as what is left of one.
fn absent(kind: DirectoryKind) -> Directory {
    Directory {
        kind,
        system_id: None,
        timeline: 0,
    }
}

impl Server for FakeServer {
    fn pid(&self) -> i32 {
        self.pid
    }

    async fn gone(&self) {
        self.end().await;
    }

    fn stop(&self, mode: StopMode) {
        self.ask_to_stop(mode);
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

    fn spawn(&self) -> Result<Arc<FakeServer>> {
        self.must_be_free("a server is started");
        let own = self.own();
        if own.kind == DirectoryKind::Primary {
            self.must_not_be_second(&own);
        }
        self.world.lock().pods[self.i].starts.push(Instant::now());
        Ok(self.world.serve(self.i))
    }

    async fn ended(&self, server: &FakeServer) -> (Ending, String) {
        let ending = server.end().await;
        sleep(TOOL).await;
        (ending, format!("{ending:?}"))
    }

    async fn outgrown(&self) -> String {
        loop {
            let outgrown = self.world.read(self.i, |pod| pod.outgrown && pod.hold.is_none());
            if outgrown {
                return "outgrown".into();
            }
            sleep(TOOL).await;
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
    }

    fn show_server(&self, _server: &FakeServer, _starts: u64) {
        self.world.lock().pods[self.i].watched = true;
    }

    fn show_no_server(&self) {}

    fn show_last_end(&self, _words: &str) {}

    fn show_refusal(&self, _refusal: Option<&Refusal>) {}
}

/// What the other pod said, and what is remembered.
#[derive(Clone)]
pub(super) struct Answers {
    partner: Partner,
    catalog: Option<CatalogAnswer>,
    newest_timeline: u32,
}

impl EngineStrategy for FakePod {
    type Evidence = Answers;

    fn creation_is_unfinished(&self) -> bool {
        false
    }

    async fn create(&self) -> Result<()> {
        sleep(COPY).await;
        self.must_be_free("a database is created");
        let mut inner = self.world.lock();
        if inner.pods.iter().any(|pod| !pod.starts.is_empty()) {
            let fault = format!("pod {}: an empty database where one was", self.i);
            inner.faults.push(fault);
        }
        inner.pods[self.i].directory = Some(directory(DirectoryKind::Primary, 1));
        Ok(())
    }

    async fn copy(&self) -> Result<()> {
        sleep(COPY).await;
        let source = self.world.read(self.other(), |pod| {
            let writable = pod.writable();
            pod.directory.clone().filter(|_| writable)
        });
        let Some(source) = source.filter(|_| !self.world.lock().silent) else {
            bail!("nobody to copy");
        };
        self.must_be_free("a database is copied");
        self.world.lock().pods[self.i].directory = Some(directory(DirectoryKind::Standby, source.timeline));
        Ok(())
    }

    async fn ask(&self, own: &Directory) -> Answers {
        let silent = self.world.lock().silent;
        sleep(if silent { SILENCE } else { ANSWER }).await;
        let mut inner = self.world.lock();
        // Who was cut off meanwhile has not answered.
        let silent = silent || inner.silent;
        let other = &inner.pods[self.other()];
        let partner = match &other.directory {
            _ if silent => Partner::Silent,
            Some(directory) => Partner::Answered {
                directory: directory.clone(),
                writable: other.writable(),
            },
            None => Partner::Answered {
                directory: absent(match other.remembered {
                    true => DirectoryKind::HalfMade,
                    false => DirectoryKind::Absent,
                }),
                writable: false,
            },
        };
        let pod = &mut inner.pods[self.i];
        if let Partner::Answered { directory, .. } = &partner
            && same_database(own, directory)
        {
            pod.told = pod.told.max(directory.timeline);
            pod.newest_timeline = pod.newest_timeline.max(directory.timeline);
        }
        let newest_timeline = pod.newest_timeline;
        drop(inner);
        Answers {
            partner,
            catalog: (!silent).then(|| self.catalog()),
            newest_timeline,
        }
    }

    fn is_answer(&self, answers: &Answers) -> bool {
        match self.world.rules {
            Rules::Partner => answers.partner != Partner::Silent,
            Rules::Catalog => answers.catalog.is_some(),
        }
    }

    fn decide(&self, own: &Directory, answers: &Answers, asked_for: Duration) -> Decision {
        match self.world.rules {
            Rules::Partner => by_partner::decide(&by_partner::Question {
                role: self.role(),
                own,
                partner: &answers.partner,
                partner_name: "the other",
                newest_timeline: answers.newest_timeline,
                remains: self.remains().as_deref(),
                asked_for,
            }),
            Rules::Catalog => self.with_question(own, answers, asked_for, by_catalog::decide),
        }
    }

    fn asks_while_running(&self, own: &Directory) -> bool {
        own.kind == DirectoryKind::Primary
    }

    fn overtaken(&self, own: &Directory, answers: &Answers) -> Option<String> {
        match self.world.rules {
            Rules::Partner => by_partner::must_step_down(own, &answers.partner).then(|| "older".to_string()),
            Rules::Catalog => self.with_question(own, answers, Duration::MAX, by_catalog::must_step_down),
        }
    }

    fn tools_first(&self, _own: &Directory) -> io::Result<Option<String>> {
        Ok(None)
    }

    async fn before_start(&self, own: &Directory) {
        if own.kind == DirectoryKind::Primary {
            sleep(ANSWER).await;
        }
    }

    fn runs(&self) {}

    /// Longer than is allowed.
    async fn before_stop(&self) {
        sleep(GRACE).await;
    }

    fn tools_remove_directories(&self) -> bool {
        self.world.rules == Rules::Catalog
    }

    fn forgive(&self) {}
}

impl FakePod {
    fn with_question<T>(
        &self,
        own: &Directory,
        answers: &Answers,
        asked_for: Duration,
        rule: impl Fn(&by_catalog::Question<'_>) -> T,
    ) -> T {
        rule(&by_catalog::Question {
            me: &self.member(self.i),
            own,
            partner: &answers.partner,
            partner_name: "the other",
            catalog: answers.catalog.as_ref(),
            newest_coordinator: 1,
            not_understood: None,
            segments_answered: 1,
            remains: self.remains().as_deref(),
            memory_lost: None,
            asked_for,
        })
    }
}
