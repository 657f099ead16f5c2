//! The state as the document of `/status`, which agents of other versions read: its words and fields are fixed.

use super::facts::{DirectoryFacts, PostmasterFacts};
use super::machine::PodState;
use crate::cluster::content::ContentId;
use crate::cluster::replay_pause::PauseCause;
use crate::cluster::replication::Link;
use crate::cluster::server::ServerAnswer;
use crate::cluster::status::{DirectoryStatus, DirectoryWord, PodStatus, PostmasterStatus};
use crate::cluster::volume::VolumeFacts;
use crate::finding::Finding;

impl PodState {
    /// The document, as of now.
    pub fn status(&self) -> PodStatus {
        let facts = self.facts();
        let member = facts.identity.member();
        PodStatus {
            pod: facts.identity.pod().to_string(),
            fqdn: member.map(|m| m.fqdn.clone()).unwrap_or_default(),
            cluster: facts.identity.cluster().unwrap_or_default().to_string(),
            preferred_role: member.map(|m| m.role),
            active_role: facts.active_role,
            // 0.1.0 said so while it did not know.
            content: facts.identity.content().unwrap_or(ContentId::COORDINATOR),
            port: member.map_or(0, |m| m.port),
            phase: facts.phase,
            rejoining: false,
            phase_since: facts.phase_since,
            reason: facts.reason.clone(),
            held: facts.held.clone(),
            directory: directory(&facts.directory),
            postmaster: postmaster(&facts.postmaster),
            replication: facts.replication.iter().map(Link::status).collect(),
            replay_paused: facts.replay_pause.as_ref().map(PauseCause::words),
            tablespaces: facts.tablespaces.clone(),
            seen_coordinator: facts.cluster.coordinator_timeline(),
            seen_coordinators: facts.coordinators.clone(),
            pending_restart: facts.pending_restart.clone(),
            peers: facts.peers.clone(),
            storage: facts.storage.iter().map(VolumeFacts::status).collect(),
            hung_volumes: facts.hung_volumes.clone(),
            oom_kills: facts.oom_kills,
            ssh: facts.ssh.clone(),
            tls: facts.tls.clone(),
            failover: facts.failover.clone(),
            recovery: facts.recovery.clone(),
            tool: facts.tool.clone(),
            damaged_pages: facts.damaged_pages.clone(),
            findings: self.gravest_first(),
            grace_seconds: facts.grace_seconds,
            version: env!("CARGO_PKG_VERSION").to_string(),
            agent_restarts: facts.agent_restarts,
            agent_started: facts.agent_started,
            loop_turned_at: facts.loop_turned_at,
        }
    }

    fn gravest_first(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.findings().cloned().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }
}

fn directory(facts: &DirectoryFacts) -> DirectoryStatus {
    DirectoryStatus {
        kind: facts.kind.map_or(DirectoryWord::NotLooked, DirectoryWord::Known),
        version: facts.version.clone(),
        system_id: facts.system_id.clone(),
        timeline: facts.timeline,
        state: facts.state.clone(),
        remains: facts.remains.clone(),
    }
}

fn postmaster(facts: &PostmasterFacts) -> PostmasterStatus {
    let answered = facts.answered.as_ref();
    PostmasterStatus {
        pid: facts.pid,
        adopted: facts.adopted,
        stopping: facts.stopping,
        restarts: facts.restarts,
        last_end: facts.last_end.clone(),
        answer: answered.map(|a| a.answer.told()).unwrap_or_default(),
        kept_out: answered.is_some_and(|a| matches!(a.answer, ServerAnswer::KeptOut(_))),
        answered_at: answered.map_or(0, |a| a.at),
        answer_seconds: answered.map_or(0.0, |a| a.seconds),
        replayed: answered.and_then(|a| a.replayed),
    }
}
