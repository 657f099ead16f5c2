//! What the other coordinator's agent says of itself, and its promise.

use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::failover_status::{AuthorityKind, FailoverStatus, RecordCause};
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::report::Report;
use gp_agent_core::cluster::status::{DirectoryWord, Phase};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::failover::candidate::{PeerAnswer, PeerFacts, Reply, Unable};
use gp_agent_core::failover::promise::PromiseQuestion;
use gp_agent_core::failover::record::Holder;
use gp_agent_core::process::timeouts;

/// For how long the other pod has to miss the record to be looking for it in another place.
const RECORD_MISSING_SECONDS: u64 = 10;

/// What it says.
pub(super) async fn ask(pod: &Pod, member: &Member, lease_seconds: u32, authority: &AuthorityKind) -> PeerAnswer {
    let answer = PeerClient::of(pod).status(member, timeouts::PROMISE_ANSWERS).await;
    let own = pod.board.read(|s| s.directory.system_id.clone());
    let answer = answer.map(|report| of_this_database(report, own.as_deref()));
    heard(answer, lease_seconds, authority)
}

/// The timeline of a directory that is not whole counts where it is, or was, of this pod's database.
fn of_this_database(mut report: Report, own: Option<&str>) -> Report {
    let directory = &mut report.status.directory;
    let whole = directory.kind().is_some_and(DirectoryKind::is_whole);
    if !whole && directory.system_id.as_deref() != own {
        directory.timeline = None;
    }
    report
}

fn heard(answer: Result<Report, PeerError>, lease_seconds: u32, authority: &AuthorityKind) -> PeerAnswer {
    match answer {
        Ok(report) => facts(&report, lease_seconds, authority),
        Err(PeerError::NotUnderstood(why)) => PeerAnswer::NotUnderstood(why),
        Err(_) => PeerAnswer::Silent,
    }
}

/// Asks for a promise not to touch the record.
pub(super) async fn promise(pod: &Pod, member: &Member, question: &PromiseQuestion) -> Option<(Holder, Reply)> {
    let reply = PeerClient::of(pod)
        .promise(member, question, timeouts::PROMISE_ANSWERS)
        .await
        .ok()?;
    let said = reply.reply();
    let by = Holder {
        pod: member.pod.clone(),
        uid: reply.uid,
    };
    Some((by, said))
}

/// One that does not know yet what it has to do with failover has not answered; 0.1.0 never says.
fn facts(report: &Report, lease_seconds: u32, authority: &AuthorityKind) -> PeerAnswer {
    let status = &report.status;
    let unable = unable(report, lease_seconds, authority);
    let failover = status.failover.clone().unwrap_or_default();
    let knows = match &status.failover {
        Some(failover) => !failover.runs() || !failover.uid.is_empty(),
        None => status.version.starts_with("0.1."),
    };
    if !knows {
        return PeerAnswer::Silent;
    }
    if let DirectoryWord::Other(word) = &status.directory.kind {
        return PeerAnswer::NotUnderstood(format!(
            "it calls its data directory '{word}', which this agent does not know"
        ));
    }
    PeerAnswer::Facts(PeerFacts {
        unable,
        draining: status.phase == Phase::Draining,
        directory: status.directory.kind(),
        timeline: status.directory.timeline.unwrap_or(0),
        writable: status.active_role.is_some_and(|role| role.is_writable()),
        pod: Holder {
            pod: status.pod.clone(),
            uid: failover.uid,
        },
        stream: failover.stream,
        epoch: failover.epoch,
    })
}

/// Why it could not take over, whatever it receives.
fn unable(report: &Report, lease_seconds: u32, authority: &AuthorityKind) -> Option<Unable> {
    let status = &report.status;
    let Some(failover) = &status.failover else {
        return Some(Unable::OldAgent);
    };
    if !failover.runs() {
        Some(Unable::SwitchedOff)
    } else if failover.authority != *authority || misses_record(failover, report.now) {
        Some(Unable::OtherAuthority)
    } else if failover.lease_seconds != lease_seconds {
        Some(Unable::OtherLease)
    } else {
        (status.phase == Phase::Draining).then_some(Unable::Ends)
    }
}

/// A record that was removed is written anew within moments. Where it stays missing the directory there is not the one that is here
/// (a volume of its own, a typo), or the Lease not the same one.
fn misses_record(failover: &FailoverStatus, now: u64) -> bool {
    let missing = failover
        .record
        .as_ref()
        .filter(|trouble| trouble.cause == RecordCause::Missing);
    missing.is_some_and(|trouble| now.saturating_sub(trouble.since) >= RECORD_MISSING_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::failover_status::RecordTrouble;
    use gp_agent_core::cluster::state::PodState;
    use gp_agent_core::cluster::status::PodStatus;

    fn status() -> PodStatus {
        let mut status = PodState::new("coordinator-1", 0, 0).status();
        status.failover = Some(FailoverStatus {
            uid: "b".into(),
            authority: "file".into(),
            lease_seconds: 10,
            fence: true,
            ..FailoverStatus::default()
        });
        status
    }

    fn told(status: &PodStatus) -> PeerAnswer {
        facts(&Report::new(status.clone(), 1000), 10, &AuthorityKind::File)
    }

    fn spoilt(spoil: impl FnOnce(&mut FailoverStatus)) -> Option<Unable> {
        let mut status = status();
        spoil(status.failover.get_or_insert_default());
        told(&status).facts().and_then(|facts| facts.unable.clone())
    }

    #[test]
    fn whoever_could_not_take_over_says_why() {
        assert_eq!(spoilt(|_| {}), None);
        assert_eq!(
            spoilt(|s| s.authority = "kubernetes".into()),
            Some(Unable::OtherAuthority)
        );
        assert_eq!(spoilt(|s| s.lease_seconds = 6), Some(Unable::OtherLease));
        assert_eq!(spoilt(|s| s.off = Some("off".into())), Some(Unable::SwitchedOff));
        let trouble = |cause, since| {
            spoilt(|s| {
                s.record = Some(RecordTrouble {
                    cause,
                    why: String::new(),
                    since,
                });
            })
        };
        // What was removed is there again within moments.
        assert_eq!(trouble(RecordCause::Missing, 991), None);
        assert_eq!(trouble(RecordCause::Missing, 990), Some(Unable::OtherAuthority));
        assert_eq!(trouble(RecordCause::Unreachable, 0), None);
        let mut old = status();
        old.failover = None;
        assert_eq!(
            unable(&Report::new(old, 1000), 10, &AuthorityKind::File),
            Some(Unable::OldAgent)
        );
    }

    #[test]
    fn who_is_not_understood_is_not_silent() {
        let newer = PeerError::NotUnderstood("format 9".into());
        assert_eq!(
            heard(Err(newer), 10, &AuthorityKind::File),
            PeerAnswer::NotUnderstood("format 9".into())
        );
        let mut newer = status();
        newer.directory.kind = "cold-standby".into();
        assert!(matches!(told(&newer), PeerAnswer::NotUnderstood(_)));
        let gone = PeerError::NoName("b".into());
        assert_eq!(heard(Err(gone), 10, &AuthorityKind::File), PeerAnswer::Silent);
    }

    #[test]
    fn who_does_not_know_itself_yet_is_silent() {
        let mut early = status();
        early.failover.get_or_insert_default().uid.clear();
        assert_eq!(told(&early), PeerAnswer::Silent);
        // Its configuration is not read yet; what it said last must not become "has no failover".
        early.failover = None;
        assert_eq!(told(&early), PeerAnswer::Silent);
        early.version = "0.1.0".into();
        let old = told(&early).facts().and_then(|facts| facts.unable.clone());
        assert_eq!(old, Some(Unable::OldAgent));
    }
}
