//! A pod whose volume hangs: a FUSE file system whose server is stopped.

mod watch;

use crate::freeze::freeze;
use crate::machine::send;
use rustix::process::Signal;
use watch::Watched;

const HANGS: &str = "does not answer since";

#[test]
fn a_pod_outlives_a_volume_that_hangs() {
    let Some(mut watched) = Watched::start() else { return };
    let before = watched.status();
    watched.volume.stop();
    watched.wait_until("readiness names the volume", |seen| {
        seen.ready == Some(503) && seen.why.contains(HANGS)
    });
    let finding = &watched.status()["findings"][0];
    assert_eq!(
        (finding["area"].as_str(), finding["severity"].as_str()),
        (Some("storage"), Some("error")),
        "{finding}"
    );
    assert_eq!(watched.hangs(), Some(1.0));
    // Longer than init's watchdog waits.
    watched.watch(100);
    watched.volume.go_on();
    watched.wait_until("it is ready again", |seen| seen.ready == Some(200));
    let after = watched.status();
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(before["agentStarted"], after["agentStarted"]);
    assert_eq!(watched.hangs(), Some(0.0));
    watched.was_always_alive();
    assert_eq!(watched.pod.end(), Some(0));
    watched.pod.has_never_said("the agent hangs");
}

#[test]
fn an_agent_that_starts_on_a_hung_volume_says_so_and_adopts_the_server_later() {
    let Some(mut watched) = Watched::start() else { return };
    let before = watched.status();
    // What is killed in the midst of a question to the volume ends when that answers, and not before (Linux).
    freeze(watched.pod.agent());
    watched.volume.stop();
    watched.pod.kill_agent();
    watched.wait_until("the next agent names the volume", |seen| {
        seen.ready == Some(503) && seen.why.starts_with("preparing: the volume at ") && seen.why.contains(HANGS)
    });
    watched.forget_samples();
    watched.watch(100);
    watched.was_always_alive();
    watched.volume.go_on();
    watched.wait_until("it is ready again", |seen| seen.ready == Some(200));
    let after = watched.status();
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(after["postmaster"]["adopted"], true);
    assert_eq!(watched.pod.end(), Some(0));
    watched.pod.has_never_said("the agent hangs");
}

#[test]
fn the_end_of_the_server_is_seen_and_a_pod_ends_within_its_grace_period() {
    let Some(mut watched) = Watched::start() else { return };
    let server = i32::try_from(watched.status()["postmaster"]["pid"].as_i64().unwrap()).unwrap();
    watched.volume.stop();
    watched.wait_until("readiness names the volume", |seen| seen.why.contains(HANGS));
    send(server, Signal::KILL);
    watched.wait_until_status("the server's end is seen", |status| {
        status["postmaster"]["pid"].is_null()
    });
    watched.watch(30);
    watched.was_always_alive();
    // The agent cannot stop what it cannot look at; init ends in time all the same.
    let code = watched.pod.end().unwrap();
    assert!([0, 70, 71, 72, 73].contains(&code), "{code}");
    watched.pod.has_never_said("the agent hangs");
}

/// They see each other's processes, as the containers of a pod do that share one PID namespace.
#[test]
fn a_pod_ends_while_the_volume_of_another_one_hangs() {
    let (Some(mut watched), Some(mut other)) = (Watched::start(), Watched::start()) else {
        return;
    };
    other.volume.stop();
    // By then the kernel has forgotten what it knew of it.
    other.wait_until("readiness names the volume", |seen| seen.why.contains(HANGS));
    assert_eq!(watched.pod.end(), Some(0));
}
