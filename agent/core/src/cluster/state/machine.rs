//! The owner of the facts, and the one function that changes them.

use super::effect::{Effect, LineLevel};
use super::event::Event;
use super::facts::{Answered, DirectoryFacts, Facts, Identity, PostmasterFacts};
use crate::cluster::cluster_state::ClusterState;
use crate::cluster::failover_status::FailoverStatus;
use crate::cluster::phase::Phase;
use crate::cluster::seen_coordinators::SeenCoordinators;
use crate::cluster::server::{ServerAnswer, ServerReport};
use crate::cluster::status::{PeersStatus, SshStatus};
use crate::cluster::volume::VolumeRoom;
use crate::finding::{Finding, FindingSource, Severity};
use std::collections::BTreeMap;

/// The state of one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodState {
    facts: Facts,
    findings: BTreeMap<FindingSource, Vec<Finding>>,
}

impl PodState {
    /// A pod of which only its host name is known, whose agent starts at `now` (Unix seconds) for the `restarts`th time again.
    pub fn new(host_name: &str, restarts: u64, now: u64) -> PodState {
        let facts = Facts {
            identity: Identity::HostName(host_name.to_string()),
            phase: Phase::Preparing,
            phase_since: now,
            reason: "the agent starts".to_string(),
            held: None,
            directory: DirectoryFacts::default(),
            postmaster: PostmasterFacts::default(),
            active_role: None,
            replication: Vec::new(),
            replay_pause: None,
            left_behind: None,
            tablespaces: Vec::new(),
            cluster: ClusterState::default(),
            coordinators: SeenCoordinators::default(),
            pending_restart: Vec::new(),
            peers: PeersStatus::default(),
            storage: Vec::new(),
            rooms: Vec::new(),
            hung_volumes: Vec::new(),
            oom_kills: 0,
            ssh: SshStatus::default(),
            tls: None,
            failover: None,
            recovery: None,
            tool: None,
            damaged_pages: None,
            grace_seconds: 0,
            agent_restarts: restarts,
            agent_started: now,
            loop_turned_at: now,
        };
        PodState {
            facts,
            findings: BTreeMap::new(),
        }
    }

    /// What is known.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What an administrator should know, source by source.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values().flatten()
    }

    /// Takes in what happened at `now` (Unix seconds) and says what has to be done. The only way to change the state.
    pub fn on(&mut self, now: u64, event: Event) -> Vec<Effect> {
        let facts = &mut self.facts;
        match event {
            Event::Identified {
                cluster,
                member,
                grace_seconds,
            } => {
                facts.identity = Identity::Known { cluster, member };
                facts.grace_seconds = grace_seconds;
            }
            Event::Phase { phase, reason } => return facts.enter(phase, reason, now),
            Event::Hold(reason) => facts.held = reason,
            Event::DirectoryExamined(directory) => facts.directory = directory,
            Event::PostmasterRuns { pid, adopted, restarts } => facts.runs(pid, adopted, restarts),
            Event::PostmasterGone => facts.forget_server(),
            Event::PostmasterEnded(words) => facts.postmaster.last_end = Some(words),
            Event::Answered { report, seconds } => return facts.answered(report, seconds, now),
            // Of a server that has ended meanwhile it says nothing.
            Event::LeftBehind(left_behind) => facts.left_behind = left_behind.filter(|_| facts.postmaster.runs()),
            Event::CoordinatorsSeen(seen) => facts.coordinators = std::mem::take(&mut facts.coordinators).and(&seen),
            Event::ClusterCreated { coordinator_timeline } => return facts.created(coordinator_timeline),
            Event::ClusterRemembered { coordinator_timeline } => {
                facts.cluster = facts.cluster.remembered(coordinator_timeline);
            }
            Event::PendingRestart(parameters) => facts.pending_restart = parameters,
            Event::Peers(peers) => facts.peers = peers,
            Event::Volumes(volumes) => facts.storage = volumes,
            Event::Ssh(ssh) => facts.ssh = ssh,
            Event::Tls(tls) => facts.tls = tls,
            Event::Failover(status) => facts.failover(*status),
            Event::Recovery(status) => facts.recovery = status.map(|status| *status),
            Event::ToolAtWork(tool) => facts.tool = tool,
            Event::PagesCounted(pages) => facts.damaged_pages = Some(pages),
            Event::Findings(source, findings) => return self.found(source, findings),
            Event::VolumeRoom(room) => facts.room(room),
            Event::VolumesHang(volumes) => facts.hung_volumes = volumes,
            Event::OomKills(count) => facts.oom_kills = count,
            Event::LoopTurned(at) => facts.loop_turned_at = at,
        }
        Vec::new()
    }

    /// What is new and what is mended is logged, once.
    fn found(&mut self, source: FindingSource, findings: Vec<Finding>) -> Vec<Effect> {
        let old = self.findings.remove(&source).unwrap_or_default();
        let new = findings.iter().filter(|f| !old.contains(f));
        let mut effects: Vec<Effect> = new.map(|f| line(level(f), f.to_string())).collect();
        effects.extend(old.iter().filter(|f| !findings.contains(f)).map(|gone| {
            let words = format!("no longer found: {} {}: {}", gone.area, gone.subject, gone.what);
            line(LineLevel::Info, words)
        }));
        if !findings.is_empty() {
            self.findings.insert(source, findings);
        }
        effects
    }
}

impl Facts {
    /// In production a step that the table does not have is reported and yet taken, for probes that go by an old phase do more
    /// harm; nothing leaves the last phase.
    fn enter(&mut self, phase: Phase, reason: String, now: u64) -> Vec<Effect> {
        if self.phase == phase && self.reason == reason {
            return Vec::new();
        }
        let mut effects = Vec::new();
        if !phase.may_follow(self.phase) {
            let (before, after) = (self.phase.as_str(), phase.as_str());
            effects.push(Effect::Unforeseen(format!(
                "{after} ({reason}) may not follow {before}"
            )));
            if self.phase.is_final() {
                return effects;
            }
        }
        if self.phase != phase {
            self.phase_since = now;
        }
        self.phase = phase;
        effects.push(Effect::Log {
            level: level_of(phase),
            phase: Some(phase),
            line: reason.clone(),
        });
        self.reason = reason;
        effects
    }

    fn runs(&mut self, pid: i32, adopted: bool, restarts: u64) {
        self.forget_server();
        self.postmaster.pid = Some(pid);
        self.postmaster.adopted = adopted;
        self.postmaster.restarts = restarts;
    }

    /// Its last answer stays to be seen.
    fn forget_server(&mut self) {
        self.postmaster.pid = None;
        self.postmaster.stopping = false;
        self.postmaster.serves = false;
        self.active_role = None;
        self.replication.clear();
        self.replay_pause = None;
        self.left_behind = None;
        self.tablespaces.clear();
    }

    /// An answer that arrives when its server has ended says nothing of the pod.
    fn answered(&mut self, report: ServerReport, seconds: f64, now: u64) -> Vec<Effect> {
        if !self.postmaster.runs() {
            return Vec::new();
        }
        let kept_out = matches!(report.answer, ServerAnswer::KeptOut(_));
        let serving = report.answer == ServerAnswer::Serving || kept_out;
        let served = std::mem::replace(&mut self.postmaster.serves, serving);
        self.postmaster.stopping = report.answer == ServerAnswer::Stopping;
        // What it said of itself counts until it has become something else, such as by a promotion.
        if !(kept_out && served && report.kind == self.directory.kind) {
            self.active_role = report.role;
            self.replication = report.replication;
            self.replay_pause = report.pause;
            self.tablespaces = report.tablespaces;
        }
        if report.kind.is_some() {
            self.directory.kind = report.kind;
        }
        self.directory.timeline = report.timeline.or(self.directory.timeline);
        self.postmaster.answered = Some(Answered {
            answer: report.answer,
            at: now,
            seconds,
            replayed: report.replayed,
        });
        // In any other phase somebody else says where the pod is: it is held, or ends.
        let ours = matches!(self.phase, Phase::Starting | Phase::Running | Phase::Hung);
        let mut effects = match report.phase.filter(|_| ours) {
            Some((phase, reason)) => self.enter(phase, reason, now),
            None => Vec::new(),
        };
        if serving && !served {
            effects.push(Effect::LookAtSettings);
        }
        effects
    }

    fn room(&mut self, room: VolumeRoom) {
        for volume in self.storage.iter_mut().filter(|v| v.path == room.path) {
            volume.space = room.space;
            volume.read_only = room.read_only;
        }
        match self.rooms.iter_mut().find(|known| known.path == room.path) {
            Some(known) => *known = room,
            None => self.rooms.push(room),
        }
    }

    /// A change of the holder that brought the role here is counted; one that is known when the agent starts was counted before.
    fn failover(&mut self, mut status: FailoverStatus) {
        let before = self.failover.take();
        let seen = before.as_ref().map(|before| before.last.as_ref());
        let mut counts = before.as_ref().map(|before| before.counts).unwrap_or_default();
        if let (Some(seen), Some(last)) = (seen, &status.last)
            && seen != Some(last)
            && last.to == self.identity.pod()
        {
            counts.count(last.kind);
        }
        status.counts = counts;
        self.failover = Some(status);
    }

    fn created(&mut self, coordinator_timeline: u32) -> Vec<Effect> {
        let known = self.cluster.is_created();
        self.cluster = self.cluster.created(coordinator_timeline);
        // Before a start they are written anyway.
        if known || !self.postmaster.runs() {
            return Vec::new();
        }
        vec![Effect::LookAtSettings]
    }
}

fn line(level: LineLevel, line: String) -> Effect {
    Effect::Log {
        level,
        phase: None,
        line,
    }
}

fn level(finding: &Finding) -> LineLevel {
    match finding.severity {
        Severity::Error => LineLevel::Error,
        Severity::Warning => LineLevel::Warning,
        Severity::Info => LineLevel::Info,
    }
}

fn level_of(phase: Phase) -> LineLevel {
    match phase {
        Phase::Refused | Phase::CrashLoop | Phase::Hung => LineLevel::Error,
        Phase::Crashed => LineLevel::Warning,
        _ => LineLevel::Info,
    }
}
