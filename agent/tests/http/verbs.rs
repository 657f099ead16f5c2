//! The verbs that ask this pod's agent: the real program against a real server.

use crate::support::{Peers, Server};
use gp_agent_core::cluster::failover_status::FailoverStatus;
use gp_agent_core::cluster::status::Phase;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gp-agent"));
    command.args(args).env("GP_AGENT_RUN_DIR", dir).stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Said {
    let output = program(dir, args).output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn ask(server: &Server, args: &'static [&'static str]) -> Said {
    let dir = server.dir.path().to_path_buf();
    tokio::task::spawn_blocking(move || run(&dir, args)).await.unwrap()
}

#[tokio::test]
async fn probe_says_yes_and_no() {
    let server = Server::start();
    for what in [["probe", "startup"], ["probe", "ready"], ["probe", "live"]] {
        let args: &'static [&'static str] = Box::leak(Box::new(what));
        let said = ask(&server, args).await;
        assert_eq!(said.code, Some(0), "{args:?} {}", said.out);
        assert_eq!(said.out.lines().count(), 1);
    }
    server.agent.change(|s| s.phase = Phase::Draining);
    let said = ask(&server, &["probe", "ready"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(1), "draining: the pod ends\n"));
    assert_eq!(ask(&server, &["probe", "live"]).await.code, Some(0));
}

#[test]
fn probe_of_no_agent_and_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let said = run(dir.path(), &["probe", "ready"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("no such socket; does gp-agent run?"), "{}", said.out);
    let socket = dir.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let said = run(dir.path(), &["probe", "ready"]);
    let expected = format!(
        "the agent does not answer on {}: connection refused; does gp-agent run?\n",
        socket.display()
    );
    assert_eq!((said.code, said.out), (Some(1), expected));
    for args in [&["probe"][..], &["probe", "ready", "x"], &["probe", "moon"]] {
        let said = run(dir.path(), args);
        assert_eq!(said.code, Some(64), "{args:?}");
        assert!(said.err.starts_with("usage: gp-agent probe startup|ready|live"));
    }
    let said = run(dir.path(), &["probe", "--help"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("64 wrong command line"));
}

#[test]
fn probe_of_an_agent_that_closes_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join("agent.sock")).unwrap();
    let closes = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let said = run(dir.path(), &["probe", "live"]);
    closes.join().unwrap();
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("cannot be read"), "{}", said.out);
}

#[tokio::test]
async fn status_is_a_table_when_piped_and_json_when_asked() {
    let server = Server::start();
    let said = ask(&server, &["status"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.starts_with("warehouse: 1 pod, 1 ready\n\nPOD "),
        "{}",
        said.out
    );
    assert!(!said.out.contains('\x1b'));
    let said = ask(&server, &["status", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json[0]["status"]["ready"]["ok"], true);
    assert_eq!(json[0]["status"]["phase"], "running");
    *server.agent.peers.lock().unwrap() = Peers::on(server.port).and("segment-b-0", &[]);
    let said = ask(&server, &["status"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("warehouse: 2 pods, 1 ready"), "{}", said.out);
    let nobody = tempfile::tempdir().unwrap();
    let said = run(nobody.path(), &["status"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("does gp-agent run?"), "{}", said.err);
}

#[tokio::test]
async fn watch_prints_again_and_ends_with_its_reader() {
    let server = Server::start();
    let dir = server.dir.path().to_path_buf();
    let watching = tokio::task::spawn_blocking(move || {
        let mut child = program(&dir, &["status", "--watch", "--interval", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut seen = String::new();
        let mut part = [0; 512];
        while seen.matches("1 ready").count() < 2 {
            let n = out.read(&mut part).unwrap();
            assert!(n > 0, "{seen}");
            seen.push_str(std::str::from_utf8(&part[..n]).unwrap());
        }
        drop(out);
        child.wait().unwrap().code()
    });
    let ended = tokio::time::timeout(Duration::from_secs(60), watching).await;
    assert_eq!(ended.unwrap().unwrap(), Some(0));
}

#[tokio::test]
async fn hold_and_resume() {
    let server = Server::start();
    let said = ask(&server, &["hold", "a", "new", "disk"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("held"), "{}", said.out);
    assert_eq!(ask(&server, &["resume"]).await.code, Some(0));
    let held = server.agent.held.lock().unwrap().clone();
    assert_eq!(held, ["hold a new disk", "resume"]);
    *server.agent.refuses.lock().unwrap() = Some("no postmaster yet".into());
    let said = ask(&server, &["hold"]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(1), "no postmaster yet\n"));
}

#[tokio::test]
async fn switchover_and_failover() {
    let server = Server::start();
    for (args, asked) in [
        (&["switchover"][..], "Switchover { when_idle: false }"),
        (&["switchover", "--when-idle"], "Switchover { when_idle: true }"),
        (&["switchover", "--cancel"], "CancelSwitchover"),
        (&["failover", "--accept-data-loss"], "AcceptDataLoss"),
        (&["failover", "pause"], "Pause"),
        (&["failover", "resume"], "Resume"),
    ] {
        let said = ask(&server, args).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(said.out, "coordinator-1 has the coordinator's role\n");
        assert_eq!(
            said.err.contains("may write"),
            asked == "AcceptDataLoss",
            "{}",
            said.err
        );
        assert_eq!(server.agent.held.lock().unwrap().pop().as_deref(), Some(asked));
    }
    *server.agent.refuses.lock().unwrap() = Some("the standby is not in sync: it is silent".into());
    let said = ask(&server, &["switchover"]).await;
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), "the standby is not in sync: it is silent\n")
    );
    // Nothing is done by a word too few.
    let said = ask(&server, &["failover"]).await;
    assert_eq!(said.code, Some(64), "{}", said.err);
}

#[tokio::test]
async fn recover_rebalance_and_expand() {
    let server = Server::start();
    for (args, asked) in [
        (&["recover"][..], "Wish { pod: None, full: false }"),
        (
            &["recover", "--full", "segment-b-0"],
            "Wish { pod: Some(\"segment-b-0\"), full: true }",
        ),
        (&["rebalance"], "rebalance"),
        (&["expand"], "expand"),
    ] {
        let said = ask(&server, args).await;
        assert_eq!((said.code, said.out.as_str()), (Some(0), "it begins\n"), "{}", said.err);
        assert_eq!(server.agent.held.lock().unwrap().pop().as_deref(), Some(asked));
    }
    *server.agent.refuses.lock().unwrap() = Some("segment-b-0 is held: disk".into());
    let said = ask(&server, &["rebalance"]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(1), "segment-b-0 is held: disk\n"));
}

/// A hand-over that waits for clients is followed by the status, until the other pod has the role.
#[tokio::test]
async fn what_takes_long_is_followed() {
    let server = Server::start();
    let failover = |holder: &str, mine, activity: Option<&str>| {
        Some(FailoverStatus {
            holder: Some(holder.into()),
            mine,
            activity: activity.map(Into::into),
            ..FailoverStatus::default()
        })
    };
    server.agent.takes_long.store(true, Ordering::Relaxed);
    server
        .agent
        .change(|s| s.failover = failover("segment-a-0", true, Some("waits for a transaction")));
    let dir = server.dir.path().to_path_buf();
    let following = tokio::task::spawn_blocking(move || {
        let mut child = program(&dir, &["switchover", "--when-idle"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut said).unwrap();
        (child, said)
    });
    let (child, said) = following.await.unwrap();
    assert_eq!(said, "waits for a transaction\n");
    server
        .agent
        .change(|s| s.failover = failover("coordinator-1", false, None));
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = ended.await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"coordinator-1 has the coordinator's role\n");
}
