//! A pod whose volume hangs: a FUSE file system whose server is stopped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "hung_volume/harness.rs"]
mod harness;
#[path = "http_get/mod.rs"]
mod http_get;
#[path = "programs/mod.rs"]
mod programs;

use harness::Pod;
use rustix::process::Signal;

const HANGS: &str = "does not answer since";

#[test]
fn a_pod_outlives_a_volume_that_hangs() {
    let Some(mut pod) = Pod::start() else { return };
    pod.wait_until("it is ready", |seen| seen.ready == Some(200));
    let before = pod.status();
    pod.volume.stop();
    pod.wait_until("readiness names the volume", |seen| {
        seen.ready == Some(503) && seen.why.contains(HANGS)
    });
    let finding = &pod.status()["findings"][0];
    assert_eq!(
        (finding["area"].as_str(), finding["severity"].as_str()),
        (Some("storage"), Some("error")),
        "{finding}"
    );
    assert_eq!(pod.metric("gp_agent_storage_hung"), Some(1.0));
    // Longer than init's watchdog waits.
    for _ in 0..100 {
        pod.sample();
    }
    pod.volume.go_on();
    pod.wait_until("it is ready again", |seen| seen.ready == Some(200));
    let after = pod.status();
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(before["agentStarted"], after["agentStarted"]);
    assert_eq!(pod.metric("gp_agent_storage_hung"), Some(0.0));
    pod.was_always_alive();
    assert_eq!(pod.end(), Some(0));
    pod.has_never_said("the agent hangs");
}

#[test]
fn an_agent_that_starts_on_a_hung_volume_says_so_and_adopts_the_server_later() {
    let Some(mut pod) = Pod::start() else { return };
    pod.wait_until("it is ready", |seen| seen.ready == Some(200));
    let before = pod.status();
    pod.volume.stop();
    pod.kill_agent();
    pod.wait_until("the next agent names the volume", |seen| {
        seen.ready == Some(503) && seen.why.starts_with("preparing: the volume at ") && seen.why.contains(HANGS)
    });
    pod.forget_samples();
    for _ in 0..100 {
        pod.sample();
    }
    pod.was_always_alive();
    pod.volume.go_on();
    pod.wait_until("it is ready again", |seen| seen.ready == Some(200));
    let after = pod.status();
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(after["postmaster"]["adopted"], true);
    assert_eq!(pod.end(), Some(0));
    pod.has_never_said("the agent hangs");
}

#[test]
fn the_end_of_the_server_is_seen_and_a_pod_ends_within_its_grace_period() {
    let Some(mut pod) = Pod::start() else { return };
    pod.wait_until("it is ready", |seen| seen.ready == Some(200));
    let server = i32::try_from(pod.status()["postmaster"]["pid"].as_i64().unwrap()).unwrap();
    pod.volume.stop();
    pod.wait_until("readiness names the volume", |seen| seen.why.contains(HANGS));
    harness::send(server, Signal::KILL);
    pod.wait_until_status("the server's end is seen", |status| {
        status["postmaster"]["pid"].is_null()
    });
    for _ in 0..30 {
        pod.sample();
    }
    pod.was_always_alive();
    // The agent cannot stop what it cannot look at; init ends in time all the same.
    let code = pod.end().unwrap();
    assert!([0, 70, 71, 72, 73].contains(&code), "{code}");
    pod.has_never_said("the agent hangs");
}
