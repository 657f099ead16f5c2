//! The label of this pod's active role: what it should be at any moment, and when the API server is told or asked.
//!
//! Services select by it, so it has to be gone as soon as the role is not served any more; that a pod is served again may
//! be said a little later. What is wanted is compared with what is known (level-triggered): a change that got lost in an
//! outage of the API server is made good afterwards.

mod desired_role;
mod reconciler;

pub use desired_role::{DesiredRole, wanted};
pub use reconciler::{LabelIntervals, Reconciler, Step};

use super::api_error::ApiError;
use crate::finding::{Area, Finding};

/// The label's key; its value is the role's word.
pub const LABEL: &str = "greenplum.io/role";

/// What an administrator should know when the label cannot be kept.
pub fn finding(trouble: &ApiError, pod: &str, namespace: &str) -> Finding {
    let (what, remedy) = match trouble {
        ApiError::Denied(words) => (
            format!("the label {LABEL} cannot be kept: {words}"),
            "let the pod's ServiceAccount get and patch pods (the chart's Role does), or set kubernetes.labels: off \
                 and let the load balancer ask the role endpoints (/coordinator) instead",
        ),
        ApiError::Missing(words) => (
            format!("the label {LABEL} cannot be kept: {words}"),
            "set POD_NAME and POD_NAMESPACE from the downward API (the chart does)",
        ),
        ApiError::Invalid(words) => (
            format!("the label {LABEL} cannot be kept: {words}"),
            "have whatever policy refuses it let the pod's ServiceAccount change this label; it is tried again every minute",
        ),
        ApiError::Replaced => (
            format!("the label {LABEL} is left alone: another pod has this pod's name now"),
            "nothing, when this pod is being deleted; otherwise set POD_UID from the downward API",
        ),
        ApiError::Unavailable(words) => (
            format!("the label {LABEL} cannot be kept: the API server does not answer as it should: {words}"),
            "look at the API server and the network to it; the database goes on, and the label is set right afterwards",
        ),
    };
    Finding::warning(Area::Kubernetes, format!("pod {namespace}/{pod}"), what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::status::Phase;
    use crate::cluster::status::PodStatus;
    use crate::cluster::topology::Role;

    const NOW: u64 = 1_000;

    fn serving() -> PodStatus {
        let mut status = PodStatus::unknown("segment-a-0");
        status.phase = Phase::Running;
        status.active_role = Some(Role::Primary);
        status.postmaster.answer = "ok".into();
        status.postmaster.answered_at = NOW;
        status.agent_started = NOW - 500;
        status
    }

    #[test]
    fn the_label_is_the_verdict_of_the_role_endpoints() {
        let status = serving();
        assert_eq!(wanted(&status, NOW), DesiredRole::Role(Role::Primary));
        assert_eq!(wanted(&status, NOW + 60), DesiredRole::Nothing, "an old answer");
        for change in [
            (|s: &mut PodStatus| s.phase = Phase::Draining) as fn(&mut PodStatus),
            |s| s.active_role = None,
            |s| s.postmaster.answer = "the database system is shutting down".into(),
            |s| s.active_role = Some(Role::Mirror),
        ] {
            let mut status = serving();
            change(&mut status);
            assert_eq!(wanted(&status, NOW), DesiredRole::Nothing);
        }
    }

    #[test]
    fn a_new_container_serves_nothing_and_knows_it_at_once() {
        let mut status = PodStatus::unknown("segment-a-0");
        status.agent_started = NOW;
        assert_eq!(wanted(&status, NOW), DesiredRole::Nothing);
    }

    #[test]
    fn an_agent_that_follows_another_first_looks_whether_the_database_serves() {
        let mut status = PodStatus::unknown("segment-a-0");
        (status.agent_started, status.agent_restarts) = (NOW, 1);
        assert_eq!(wanted(&status, NOW + 9), DesiredRole::Undecided);
        assert_eq!(wanted(&status, NOW + 10), DesiredRole::Nothing, "long enough");
        let mut draining = status.clone();
        draining.phase = Phase::Draining;
        assert_eq!(wanted(&draining, NOW), DesiredRole::Nothing);
        status.postmaster.answer = "nobody listens".into();
        status.postmaster.answered_at = NOW + 1;
        assert_eq!(wanted(&status, NOW + 1), DesiredRole::Nothing, "it has answered");
    }

    #[test]
    fn troubles_say_what_to_do() {
        let all = [
            ApiError::Denied("pods \"a-0\" is forbidden".into()),
            ApiError::Missing("pods \"a-0\" not found".into()),
            ApiError::Invalid("ValidatingAdmissionPolicy 'frozen' denied request".into()),
            ApiError::Replaced,
            ApiError::Unavailable("timed out".into()),
        ];
        let text: Vec<_> = all.iter().map(|t| finding(t, "a-0", "prod").to_string()).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        warning kubernetes pod prod/a-0: the label greenplum.io/role cannot be kept: pods "a-0" is forbidden; let the pod's ServiceAccount get and patch pods (the chart's Role does), or set kubernetes.labels: off and let the load balancer ask the role endpoints (/coordinator) instead
        warning kubernetes pod prod/a-0: the label greenplum.io/role cannot be kept: pods "a-0" not found; set POD_NAME and POD_NAMESPACE from the downward API (the chart does)
        warning kubernetes pod prod/a-0: the label greenplum.io/role cannot be kept: ValidatingAdmissionPolicy 'frozen' denied request; have whatever policy refuses it let the pod's ServiceAccount change this label; it is tried again every minute
        warning kubernetes pod prod/a-0: the label greenplum.io/role is left alone: another pod has this pod's name now; nothing, when this pod is being deleted; otherwise set POD_UID from the downward API
        warning kubernetes pod prod/a-0: the label greenplum.io/role cannot be kept: the API server does not answer as it should: timed out; look at the API server and the network to it; the database goes on, and the label is set right afterwards
        "#);
        assert_eq!(all.map(|t| t.lasts()), [true, true, true, true, false]);
    }
}
