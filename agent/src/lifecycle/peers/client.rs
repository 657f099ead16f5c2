//! The agents of the other pods, asked over HTTP: the one place where a question goes out to a peer, and where it is settled
//! who answers it and whether the answer is understood.

use super::fan_out::{FanOutLimits, PeerAddress, each_address, each_peer};
use crate::lifecycle::discovery::RecheckHandle;
use crate::lifecycle::pod::Pod;
use crate::sys::http::client::{Call, CallError, call};
use bytes::Bytes;
use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::document;
use gp_agent_core::cluster::document::{Document, Origin};
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::status::{DirectoryWord, PodStatus};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::failover::promise::{PromiseQuestion, PromiseReply};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind, Partner};
use gp_agent_core::process::timeouts;
use hyper::Method;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const ANSWER_WITHIN: Duration = timeouts::PEER_ANSWERS;
/// Bytes of a status: a few thousand, and 10,000 findings on the worst day.
const MAX_STATUS: usize = 4 << 20;
/// Bytes of one content's rows of the catalog.
const MAX_PAIR: usize = 1 << 16;
/// Bytes of the whole catalog: 10,000 contents with mirrors, the most that a configuration may have, are 20,002 rows. A row
/// holds two names of at most 255 characters (RFC 1035) and a path; this leaves 1.6 KB for each.
const MAX_CATALOG: usize = 32 << 20;

/// Asks other pods' agents.
#[derive(Clone, Copy)]
pub struct PeerClient<'a> {
    cluster: &'a str,
    known: &'a watch::Receiver<PeerMap>,
    port: u16,
    doubts: Option<&'a RecheckHandle>,
}

impl<'a> PeerClient<'a> {
    /// Asks agents of `cluster` on `port`, at the addresses that are `known`.
    pub fn new(cluster: &'a str, known: &'a watch::Receiver<PeerMap>, port: u16) -> Self {
        PeerClient {
            cluster,
            known,
            port,
            doubts: None,
        }
    }

    /// Asks the peers of this pod, and has those looked up again that do not answer.
    pub(crate) fn of(pod: &'a Pod) -> Self {
        let port = pod.config.borrow().http.port;
        PeerClient {
            doubts: Some(&pod.doubts),
            ..PeerClient::new(&pod.topology.cluster, &pod.peers, port)
        }
    }

    /// What that pod's agent says of it.
    ///
    /// # Errors
    /// No answer of that pod within `limit`, all its addresses together, or one that is not understood.
    pub async fn status(&self, member: &Member, limit: Duration) -> Result<Report, PeerError> {
        self.ask(&self.find(member), &get("/status", MAX_STATUS), limit).await
    }

    /// The same of many pods, in their order; a pod without an answer is an entry with its error.
    pub async fn statuses<'m>(
        &self,
        members: impl IntoIterator<Item = &'m Member>,
        limits: FanOutLimits,
    ) -> Vec<PodReport> {
        let asked: Vec<PeerAddress> = members.into_iter().map(|member| self.find(member)).collect();
        each_peer(asked, limits, |peer, limit| async move {
            let answer = self.ask(&peer, &get("/status", MAX_STATUS), limit).await;
            PodReport::of(&peer.member, answer)
        })
        .await
    }

    /// What that coordinator pod's agent says of the catalog: of one content, or of all.
    ///
    /// # Errors
    /// As [`PeerClient::status`]; and a pod that does not know its cluster yet.
    pub async fn catalog(
        &self,
        member: &Member,
        content: Option<ContentId>,
        limit: Duration,
    ) -> Result<CatalogAnswer, PeerError> {
        let question = match content {
            Some(content) => get(&format!("/catalog/{content}"), MAX_PAIR),
            None => get("/catalog", MAX_CATALOG),
        };
        let reply: CatalogReply = self.ask(&self.find(member), &question, limit).await?;
        Ok(reply.answer)
    }

    /// What that pod sees of the other end of replication now.
    ///
    /// # Errors
    /// As [`PeerClient::status`].
    pub(crate) async fn partner(&self, member: &Member, limit: Duration) -> Result<PartnerLook, PeerError> {
        self.ask(&self.find(member), &get("/partner", MAX_PAIR), limit).await
    }

    /// Has that pod's agent ask the coordinator pods again.
    ///
    /// # Errors
    /// As [`PeerClient::status`].
    pub async fn recheck(&self, member: &Member, limit: Duration) -> Result<(), PeerError> {
        let peer = self.find(member);
        let answer = each_address(&peer, self.port, limit, |at, share| {
            self.recheck_at(at, &peer.member, share)
        });
        self.doubt(&peer.member, answer.await)
    }

    /// Asks that coordinator's agent not to take the role over for a while.
    ///
    /// # Errors
    /// As [`PeerClient::status`].
    pub(crate) async fn promise(
        &self,
        member: &Member,
        question: &PromiseQuestion,
        limit: Duration,
    ) -> Result<PromiseReply, PeerError> {
        let call = Call {
            method: Method::POST,
            path: format!("/promise?{question}"),
            max_body: MAX_PAIR,
        };
        self.ask(&self.find(member), &call, limit).await
    }

    /// 0.1.0 knows `GET /look-again` alone, and answers 404 to what it does not know. It says no more than "soon", which tells
    /// nothing of who it is. To be removed once no agent of 0.1.0 can run beside this one.
    async fn recheck_at(&self, at: SocketAddr, member: &Member, limit: Duration) -> Result<(), PeerError> {
        let end = Instant::now() + limit;
        let question = Call {
            method: Method::POST,
            path: "/recheck".into(),
            max_body: MAX_PAIR,
        };
        match self.ask_at::<Origin>(at, member, &question, limit).await {
            Err(PeerError::Refused { code: 404 | 405, .. }) => {
                let left = end.saturating_duration_since(Instant::now());
                fetch(at, &get("/look-again", MAX_PAIR), left).await.map(drop)
            }
            answer => answer.map(drop),
        }
    }

    /// That peer, and where it was last found.
    fn find(&self, member: &Member) -> PeerAddress {
        let known = self.known.borrow();
        PeerAddress {
            member: member.clone(),
            addresses: known.get(&member.pod).map(|p| p.addresses.clone()).unwrap_or_default(),
        }
    }

    async fn ask<D: Document>(&self, peer: &PeerAddress, question: &Call, limit: Duration) -> Result<D, PeerError> {
        let answer = each_address(peer, self.port, limit, |at, share| {
            self.ask_at(at, &peer.member, question, share)
        });
        self.doubt(&peer.member, answer.await)
    }

    async fn ask_at<D: Document>(
        &self,
        at: SocketAddr,
        member: &Member,
        question: &Call,
        limit: Duration,
    ) -> Result<D, PeerError> {
        let body = fetch(at, question, limit).await?;
        document::read(&body, self.cluster, member).map_err(|misread| PeerError::misread(at, misread))
    }

    /// Where the peer itself does not answer, its address may be an old one.
    fn doubt<T>(&self, member: &Member, answer: Result<T, PeerError>) -> Result<T, PeerError> {
        if let Err(error) = &answer {
            tracing::debug!(pod = member.pod, "{error}");
            if let (Some(doubts), false) = (self.doubts, matches!(error, PeerError::NotUnderstood(_))) {
                doubts.about(&member.pod);
            }
        }
        answer
    }
}

fn get(path: &str, max_body: usize) -> Call {
    Call {
        method: Method::GET,
        path: path.into(),
        max_body,
    }
}

async fn fetch(at: SocketAddr, question: &Call, limit: Duration) -> Result<Bytes, PeerError> {
    call(at, question, limit).await.map_err(|error| match error {
        CallError::TimedOut(within) => PeerError::TimedOut { at, within },
        CallError::Refused(code) => PeerError::Refused {
            at,
            code: code.as_u16(),
        },
        CallError::NotHttp(_) | CallError::TooLarge(_) => PeerError::Stranger {
            at,
            who: error.to_string(),
        },
        CallError::Unreachable(_) | CallError::Broken(_) | CallError::Invalid(_) => PeerError::Unreachable {
            at,
            why: error.to_string(),
        },
    })
}

/// What the pod on the other end of replication says of its directory, or that it is silent. An answer that is not understood
/// is a finding: while it lasts this pod's server is not started when it would be written to.
pub async fn ask(pod: &Pod) -> Partner {
    let Some(member) = pod.partner() else {
        return Partner::None;
    };
    let partner = match PeerClient::of(pod).status(member, ANSWER_WITHIN).await {
        Ok(report) => partner_of(&report.status),
        Err(PeerError::NotUnderstood(why)) => Partner::NotUnderstood { why },
        Err(_) => Partner::Silent,
    };
    let newer = |why: &str| {
        Finding::warning(
            Area::Postgres,
            &member.pod,
            why,
            "upgrade this pod to the version of gp-agent that the other one runs; until then its server is not started when it would be written to",
        )
    };
    let findings = partner.not_understood().map(newer).into_iter().collect();
    pod.board.findings(FindingSource::Partner, findings);
    partner
}

fn partner_of(status: &PodStatus) -> Partner {
    match &status.directory.kind {
        DirectoryWord::Known(kind) => Partner::Answered {
            writable: status.active_role.is_some_and(|role| role.is_writable()),
            directory: Directory {
                kind: match (*kind, &status.directory.remains) {
                    // It has had a database: that is not the same as never.
                    (DirectoryKind::Absent, Some(_)) => DirectoryKind::HalfMade,
                    (kind, _) => kind,
                },
                system_id: status.directory.system_id.clone(),
                timeline: status.directory.timeline.unwrap_or(0),
            },
        },
        // Until it has looked at its own volume a partner knows nothing.
        DirectoryWord::NotLooked => Partner::Silent,
        DirectoryWord::Other(word) => Partner::NotUnderstood {
            why: format!(
                "{} calls its data directory '{word}', which this agent does not know",
                status.pod
            ),
        },
    }
}

/// What that pod's agent says of it, when it answers and is understood.
pub(crate) async fn status_of(pod: &Pod, member: &Member) -> Option<PodStatus> {
    status_within(pod, member, ANSWER_WITHIN).await
}

/// The same, all of its addresses within this time.
pub(crate) async fn status_within(pod: &Pod, member: &Member, limit: Duration) -> Option<PodStatus> {
    let answer = PeerClient::of(pod).status(member, limit).await;
    answer.ok().map(|report| report.status)
}

/// Whether nothing of that pod's agent answers. One that is not understood lives.
pub(crate) async fn is_silent(pod: &Pod, member: &Member, limit: Duration) -> bool {
    let answer = PeerClient::of(pod).status(member, limit).await;
    !matches!(answer, Ok(_) | Err(PeerError::NotUnderstood(_)))
}

/// What the agents of these pods say, in the same order.
pub async fn ask_each(pod: &Pod, members: impl Iterator<Item = &Member>, limits: FanOutLimits) -> Vec<PodReport> {
    PeerClient::of(pod).statuses(members, limits).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::state::PodState;

    #[test]
    fn a_partner_that_has_had_a_database_is_not_one_that_never_had() {
        let mut status = PodState::new("segment-b-0", 0, 0).status();
        let mut seen = |kind: &str, remains: Option<&str>| {
            status.directory.kind = kind.into();
            status.directory.system_id = Some("7".into());
            status.directory.remains = remains.map(String::from);
            match partner_of(&status) {
                Partner::Answered { directory, .. } => (directory.kind, directory.system_id),
                other => panic!("{other:?}"),
            }
        };
        let id = Some("7".to_string());
        assert_eq!(seen("absent", None), (DirectoryKind::Absent, id.clone()));
        assert_eq!(
            seen("absent", Some("it had one")),
            (DirectoryKind::HalfMade, id.clone()),
            "its timeline counts"
        );
        assert_eq!(
            seen("half-made", Some("no base")),
            (DirectoryKind::HalfMade, id.clone())
        );
        assert_eq!(seen("unreadable", None), (DirectoryKind::Unreadable, id.clone()));
        assert_eq!(seen("standby", None), (DirectoryKind::Standby, id));
    }
}
