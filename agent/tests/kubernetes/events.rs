//! The agent's task that writes Events.

use super::fake::{ApiServer, Mood, PATIENCE};
use gp_agent::internals::kubernetes::Events;
use gp_agent::internals::kubernetes::Kubernetes;
use gp_agent::internals::pod::StatusBoard;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::state::PodState;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::config::UseApi;
use gp_agent_core::fixtures::serves;
use gp_agent_core::kubernetes::events::EventLimits;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

fn quick() -> EventLimits {
    EventLimits {
        again: Duration::from_millis(50),
        first_retry: Duration::from_millis(20),
        longest_retry: Duration::from_millis(200),
        ..EventLimits::default()
    }
}

struct Pod {
    server: ApiServer,
    board: Arc<StatusBoard>,
    events: Events,
}

impl Pod {
    async fn start(events: UseApi) -> Pod {
        let server = ApiServer::start().await;
        let board = Arc::new(StatusBoard::new(PodState::new("segment-a-0", 0, 0)));
        let mut place = server.place();
        // It is learnt from the server, where the agent may ask.
        place.uid = None;
        let api = Some(Arc::new(Kubernetes::new(place)));
        let events = Events::start(api, events, quick(), &board);
        Pod { server, board, events }
    }

    fn stored(&self) -> Vec<Value> {
        self.server.objects.lock().unwrap().events.clone()
    }

    async fn until(&mut self, what: &str, wanted: impl Fn(&[Value]) -> bool) {
        let objects = self.server.objects.clone();
        let reached = self
            .server
            .requests
            .wait_for(|_| wanted(&objects.lock().unwrap().events));
        let reached = timeout(PATIENCE, reached).await;
        reached
            .unwrap_or_else(|_| panic!("{what}: {:?}", objects.lock().unwrap().events))
            .unwrap();
    }

    /// Crashes again and again: a phase that ends while an Event is being sent is not seen.
    async fn crash_until(&mut self, what: &str, wanted: impl Fn(&[Value]) -> bool) {
        let crashing = async {
            while !wanted(&self.stored()) {
                self.starts();
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.crashes(4);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = timeout(PATIENCE, crashing).await;
        reached.unwrap_or_else(|_| panic!("{what}: {:?}", self.stored()));
    }

    fn starts(&self) {
        self.board.phase(Phase::Starting, "again");
    }

    fn crashes(&self, times: u32) {
        self.starts();
        self.board.phase(Phase::CrashLoop, format!("crash {times} in a row"));
    }
}

#[tokio::test]
async fn an_event_is_written_and_then_counted() {
    let mut pod = Pod::start(UseApi::Auto).await;
    pod.crashes(3);
    pod.until("no Event", |events| events.len() == 1).await;
    let event = pod.stored().remove(0);
    assert_eq!(event["reason"], "CrashLoop");
    assert_eq!((&event["type"], &event["count"]), (&"Warning".into(), &1.into()));
    assert_eq!(event["involvedObject"]["uid"], "uid-1");
    assert_eq!(event["involvedObject"]["name"], "segment-a-0");
    assert_eq!(event["source"]["component"], "gp-agent");
    pod.crash_until("not counted", |events| events[0]["count"] != 1).await;
    let event = pod.stored().remove(0);
    assert_eq!(event["message"], "crash 4 in a row");
    assert_eq!(pod.stored().len(), 1);
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let mut pod = Pod::start(UseApi::Auto).await;
    pod.server.feels(Mood::Refuses(500));
    pod.crashes(3);
    pod.server.until_requests(3).await;
    assert_eq!(pod.stored(), [Value::Null; 0]);
    pod.server.feels(Mood::Well);
    pod.until("no Event", |events| events.len() == 1).await;
    assert_eq!(pod.board.snapshot().findings, [], "nothing to be mended by a person");
}

#[tokio::test]
async fn without_rights_it_is_told_once() {
    let mut pod = Pod::start(UseApi::Auto).await;
    pod.server.objects.lock().unwrap().forbidden = vec!["create events".into()];
    pod.crashes(3);
    pod.server.until_requests(4).await;
    let findings = pod.board.snapshot().findings;
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].to_string().contains("no Events can be written"),
        "{findings:?}"
    );
    pod.server.objects.lock().unwrap().forbidden.clear();
    pod.until("no Event", |events| events.len() == 1).await;
}

#[tokio::test]
async fn an_event_that_has_expired_is_written_anew() {
    let mut pod = Pod::start(UseApi::Auto).await;
    pod.crashes(3);
    pod.until("no Event", |events| events.len() == 1).await;
    let first = pod.stored().remove(0);
    pod.server.objects.lock().unwrap().events.clear();
    pod.crash_until("no new Event", |events| events.len() == 1).await;
    let second = pod.stored().remove(0);
    assert_ne!(first["metadata"]["name"], second["metadata"]["name"]);
    assert_eq!(second["count"], 1);
}

#[tokio::test]
async fn switched_off_nothing_is_written() {
    let mut pod = Pod::start(UseApi::Off).await;
    pod.crashes(3);
    tokio::task::yield_now().await;
    assert_eq!(pod.server.verbs(), [""; 0]);
    pod.events.configure(UseApi::Auto);
    for event in serves(Role::Primary) {
        pod.board.on(event);
    }
    pod.until("no Event", |events| events.len() == 1).await;
}
