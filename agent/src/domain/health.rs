//! What the probes say: pure verdicts on what an agent knows of its pod.

use crate::domain::status::{Phase, PodStatus};
use crate::domain::topology::Role;

/// Seconds after which the database's last answer is too old to vouch for it.
pub const ANSWER_FRESH_SECONDS: u64 = 10;
/// Seconds after which an agent whose loop has not turned counts as dead.
pub const LOOP_FRESH_SECONDS: u64 = 15;

/// A probe's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Yes or no.
    pub ok: bool,
    /// One line: why.
    pub why: String,
}

fn verdict(ok: bool, why: impl Into<String>) -> Verdict {
    Verdict {
        ok,
        why: why.into(),
    }
}

fn word(phase: Phase) -> String {
    serde_json::to_value(phase)
        .ok()
        .and_then(|v| v.as_str().map(str::to_string))
        .unwrap_or_default()
}

/// Whether this pod can take part: configuration, volume, peers and data directory are done.
pub fn startup(status: &PodStatus) -> Verdict {
    let begun = match status.phase {
        Phase::Preparing | Phase::Discovering | Phase::Bootstrapping | Phase::Refused => false,
        Phase::Starting
        | Phase::Running
        | Phase::Stopped
        | Phase::Held
        | Phase::Crashed
        | Phase::CrashLoop
        | Phase::Hung
        | Phase::Draining => true,
    };
    verdict(begun, format!("{}: {}", word(status.phase), status.reason))
}

/// Whether this pod's role does its work at this moment: SQL answers, or write-ahead log streams.
pub fn ready(status: &PodStatus, now: u64) -> Verdict {
    let answered = &status.postmaster;
    if status.phase == Phase::Draining {
        return verdict(false, "draining: the pod ends");
    }
    let Some(role) = status.active_role else {
        return verdict(false, format!("{}: {}", word(status.phase), status.reason));
    };
    if answered.answer != "ok" {
        return verdict(false, format!("the database answers: {}", answered.answer));
    }
    let age = now.saturating_sub(answered.answered_at);
    if age > ANSWER_FRESH_SECONDS {
        return verdict(false, format!("the database's last answer is {age} s old"));
    }
    verdict(true, format!("active as {role}"))
}

/// Whether the agent's loop turns. Never depends on the database: one that recovers for an hour is not dead.
pub fn live(status: &PodStatus, now: u64) -> Verdict {
    let age = now.saturating_sub(status.loop_turned_at);
    verdict(
        age <= LOOP_FRESH_SECONDS,
        format!("the agent's loop turned {age} s ago"),
    )
}

/// Whether `role` is active here and does its work; load balancers route by it.
pub fn role(status: &PodStatus, role: Role, now: u64) -> Verdict {
    match status.active_role {
        Some(active) if active == role => ready(status, now),
        Some(active) => verdict(false, format!("active as {active}, not as {role}")),
        None => ready(status, now),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::status::PostmasterStatus;
    use proptest::prelude::*;

    pub(crate) fn status(phase: Phase, role: Option<Role>) -> PodStatus {
        PodStatus {
            active_role: role,
            phase,
            loop_turned_at: 100,
            postmaster: PostmasterStatus {
                answer: "ok".into(),
                answered_at: 100,
                ..Default::default()
            },
            ..PodStatus::unknown("segment-a-0")
        }
    }
    const PHASES: [Phase; 12] = [
        Phase::Preparing,
        Phase::Discovering,
        Phase::Bootstrapping,
        Phase::Starting,
        Phase::Running,
        Phase::Refused,
        Phase::Stopped,
        Phase::Held,
        Phase::Crashed,
        Phase::CrashLoop,
        Phase::Hung,
        Phase::Draining,
    ];

    #[test]
    fn startup_table() {
        let begun: Vec<Phase> = PHASES
            .into_iter()
            .filter(|p| startup(&status(*p, None)).ok)
            .collect();
        assert_eq!(
            begun,
            [
                Phase::Starting,
                Phase::Running,
                Phase::Stopped,
                Phase::Held,
                Phase::Crashed,
                Phase::CrashLoop,
                Phase::Hung,
                Phase::Draining
            ]
        );
    }

    #[test]
    fn ready_needs_a_role_and_a_fresh_answer() {
        let running = status(Phase::Running, Some(Role::Mirror));
        assert!(ready(&running, 105).ok);
        assert!(!ready(&running, 111).ok);
        assert!(!ready(&status(Phase::Draining, Some(Role::Mirror)), 100).ok);
        assert!(!ready(&status(Phase::Running, None), 100).ok);
        let mut silent = running.clone();
        silent.postmaster.answer = "no answer within 3 s".into();
        assert!(!ready(&silent, 100).ok);
    }

    #[test]
    fn a_role_is_served_in_one_place() {
        let running = status(Phase::Running, Some(Role::Coordinator));
        assert!(role(&running, Role::Coordinator, 100).ok);
        assert!(!role(&running, Role::Standby, 100).ok);
    }

    proptest! {
        #[test]
        fn live_never_depends_on_the_database(i in 0usize..12, answered in 0u64..200, now in 100u64..200) {
            let mut s = status(PHASES[i], None);
            s.postmaster.answered_at = answered;
            prop_assert_eq!(live(&s, now).ok, now - 100 <= LOOP_FRESH_SECONDS);
        }
    }
}
