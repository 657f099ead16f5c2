//! The agent's task that keeps the label.

use super::fake::{ApiServer, Mood, PATIENCE};
use gp_agent::internals::kubernetes::Kubernetes;
use gp_agent::internals::kubernetes::{RoleLabel, WITHDRAW_WITHIN};
use gp_agent::internals::pod::{StatusBoard, now};
use gp_agent_core::cluster::state::{Event, PodState};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::config::UseApi;
use gp_agent_core::fixtures::serves;
use gp_agent_core::kubernetes::role_label::LabelIntervals;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

fn quick() -> LabelIntervals {
    LabelIntervals {
        first_retry: Duration::from_millis(10),
        longest_retry: Duration::from_millis(100),
        ..LabelIntervals::default()
    }
}

struct Pod {
    server: ApiServer,
    board: Arc<StatusBoard>,
    label: RoleLabel,
    end: watch::Sender<bool>,
}

impl Pod {
    async fn start(stale: Option<&str>, labels: UseApi) -> Pod {
        let server = ApiServer::start().await;
        server.objects.lock().unwrap().set_role(stale);
        Pod::on(server, PodState::new("segment-a-0", 0, 0), labels, quick())
    }

    fn on(server: ApiServer, state: PodState, labels: UseApi, pace: LabelIntervals) -> Pod {
        let board = Arc::new(StatusBoard::new(state));
        let (end, shutdown) = watch::channel(false);
        let label = {
            let api = Arc::new(Kubernetes::new(server.place()));
            RoleLabel::start(Some(api), labels, pace, &board, shutdown)
        };
        Pod {
            server,
            board,
            label,
            end,
        }
    }

    fn serves(&self, role: Role) {
        for event in serves(role) {
            self.board.on(event);
        }
    }

    fn stops_serving(&self) {
        self.board.on(Event::PostmasterGone);
    }

    async fn until_finding(&self, part: &str) {
        let mut changes = self.board.changes();
        let found = async {
            while !self.findings().contains(part) {
                changes.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no finding with {part:?}"));
    }

    fn findings(&self) -> String {
        let findings = self.board.snapshot().findings;
        findings.iter().map(|f| format!("{f}\n")).collect()
    }
}

#[tokio::test]
async fn the_label_follows_the_role() {
    let mut pod = Pod::start(Some("coordinator"), UseApi::Auto).await;
    pod.server.until_role(None).await;
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.stops_serving();
    pod.server.until_role(None).await;
    pod.serves(Role::Coordinator);
    pod.server.until_role(Some("coordinator")).await;
    assert_eq!(pod.server.verbs(), ["PATCH"; 4], "nothing was asked twice");
    assert_eq!(pod.findings(), "");
}

#[tokio::test]
async fn a_drain_takes_the_label_away_before_the_database_is_told() {
    let mut pod = Pod::start(None, UseApi::Auto).await;
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.label.withdraw(WITHDRAW_WITHIN).await;
    assert_eq!(pod.server.role(), None);
    // The database may still answer for a moment.
    pod.serves(Role::Primary);
    let requests = pod.server.verbs().len();
    pod.label.withdraw(WITHDRAW_WITHIN).await;
    assert_eq!(pod.server.verbs().len(), requests, "it is gone, so nothing is asked");
    pod.label.allow();
    pod.server.until_role(Some("primary")).await;
}

#[tokio::test]
async fn a_signal_that_ends_the_pod_is_enough() {
    let mut pod = Pod::start(None, UseApi::Auto).await;
    pod.serves(Role::Coordinator);
    pod.server.until_role(Some("coordinator")).await;
    pod.end.send_replace(true);
    pod.server.until_role(None).await;
}

#[tokio::test]
async fn a_label_that_is_just_being_set_is_not_taken_for_gone() {
    let mut pod = Pod::start(None, UseApi::Auto).await;
    pod.server.until_requests(1).await;
    pod.server.feels(Mood::DoesAndFails(500));
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.server.feels(Mood::Well);
    pod.label.withdraw(WITHDRAW_WITHIN).await;
    assert_eq!(pod.server.role(), None);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_hold_up_the_end_of_the_database() {
    let mut pod = Pod::start(None, UseApi::Auto).await;
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.server.feels(Mood::Hangs);
    timeout(PATIENCE, pod.label.withdraw(WITHDRAW_WITHIN)).await.unwrap();
    assert_eq!(pod.server.role().as_deref(), Some("primary"));
    // Meanwhile the database stops; the label goes as soon as it can.
    pod.server.feels(Mood::Well);
    pod.server.until_role(None).await;
}

#[tokio::test]
async fn an_outage_is_told_once_and_made_good_afterwards() {
    let mut pod = Pod::start(None, UseApi::Auto).await;
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.server.feels(Mood::Closes);
    pod.stops_serving();
    pod.until_finding("the API server does not answer as it should").await;
    let told = pod.findings();
    let tried = pod.server.verbs().len();
    pod.server.until_requests(tried + 3).await;
    assert_eq!(pod.findings(), told, "the same words, so no further line in the log");
    pod.server.feels(Mood::Well);
    pod.server.until_role(None).await;
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    assert_eq!(pod.findings(), "");
}

#[tokio::test]
async fn without_rights_it_is_told_and_nothing_waits_for_it() {
    let server = ApiServer::start().await;
    server.objects.lock().unwrap().forbidden = vec!["patch pods".into()];
    let pace = LabelIntervals {
        lasting_retry: Duration::from_millis(200),
        ..quick()
    };
    let state = PodState::new("segment-a-0", 0, 0);
    let mut pod = Pod::on(server, state, UseApi::Auto, pace);
    pod.until_finding("is forbidden").await;
    pod.serves(Role::Primary);
    timeout(PATIENCE, pod.label.withdraw(WITHDRAW_WITHIN)).await.unwrap();
    pod.label.allow();
    // Rights can be given later.
    pod.server.objects.lock().unwrap().forbidden.clear();
    pod.server.until_role(Some("primary")).await;
    assert_eq!(pod.findings(), "");
}

#[tokio::test]
async fn an_agent_that_was_started_again_leaves_the_label_of_a_database_that_serves() {
    let server = ApiServer::start().await;
    server.objects.lock().unwrap().set_role(Some("primary"));
    let state = PodState::new("segment-a-0", 1, now());
    let mut pod = Pod::on(server, state, UseApi::Auto, quick());
    pod.serves(Role::Primary);
    pod.server.until_requests(1).await;
    assert_eq!(pod.server.role().as_deref(), Some("primary"));
    pod.stops_serving();
    pod.server.until_role(None).await;
    assert_eq!(pod.server.verbs().len(), 2, "it was never removed in between");
}

#[tokio::test]
async fn what_somebody_else_did_is_mended() {
    let server = ApiServer::start().await;
    let pace = LabelIntervals {
        look_again: Duration::from_millis(100),
        ..quick()
    };
    let state = PodState::new("segment-a-0", 0, 0);
    let mut pod = Pod::on(server, state, UseApi::Auto, pace);
    pod.serves(Role::Primary);
    pod.server.until_role(Some("primary")).await;
    pod.server.objects.lock().unwrap().set_role(Some("standby"));
    pod.server.until_role(Some("primary")).await;
}

#[tokio::test]
async fn switched_off_nothing_is_asked_until_it_is_switched_on() {
    let mut pod = Pod::start(Some("coordinator"), UseApi::Off).await;
    pod.serves(Role::Primary);
    timeout(PATIENCE, pod.label.withdraw(WITHDRAW_WITHIN)).await.unwrap();
    pod.label.allow();
    assert_eq!(pod.server.verbs(), [""; 0]);
    pod.label.configure(UseApi::Auto);
    pod.server.until_role(Some("primary")).await;
}

#[tokio::test]
async fn outside_kubernetes_nothing_waits() {
    let board = Arc::new(StatusBoard::new(PodState::new("segment-a-0", 0, 0)));
    let (_end, shutdown) = watch::channel(false);
    let label = RoleLabel::start(None, UseApi::Auto, quick(), &board, shutdown);
    timeout(PATIENCE, label.withdraw(WITHDRAW_WITHIN)).await.unwrap();
    label.allow();
}
