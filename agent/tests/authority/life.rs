//! The proof of death, with a real init, agents, and servers that are called `postgres`.

use super::*;
use crate::harness::{FakePostgres, GP_AGENT, Init, children, command, send};
use crate::skipped::skipped;
use gp_agent::internals::failover::with_inherited;
use gp_agent::internals::process::{Heartbeat, processes, restarts_from_env};
use rustix::process::Signal;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;

/// The variable that turns the ignored test below into a program: `<directory> <program of the server>`.
const AGENT: &str = "LIFE_TEST_AGENT";

/// Not a test but the agent of the tests below. The first one starts a server that inherits the lock.
#[tokio::test]
#[ignore = "a program for the other tests"]
async fn agent() {
    let Ok(order) = std::env::var(AGENT) else { return };
    let (directory, server) = order.split_once(' ').unwrap();
    let init = Heartbeat::from_env().map(Arc::new);
    let authority = FileAuthority::open(Path::new(directory), "warehouse", "uid-0", init).unwrap();
    assert!(authority.inherited().is_none());
    authority.claim(WITHIN).await.unwrap();
    authority.claim(WITHIN).await.unwrap();
    if restarts_from_env() == 0 {
        let lock = authority.inherited().unwrap();
        let mut server = Command::new(server);
        server.args(["-c", "echo server $$; while :; do sleep 0.1; done"]);
        let mut server = with_inherited(lock.as_fd(), || server.spawn()).unwrap();
        std::thread::spawn(move || server.wait());
    }
    println!("\nclaimed {}", std::process::id());
    std::future::pending::<()>().await;
}

fn start(before: &[&str], directory: &Path, fake: &FakePostgres) -> Init {
    let me = std::env::current_exe().unwrap();
    let line = [before, &[GP_AGENT, "init", "--"]].concat();
    let mut init = command(line[0], &line[1..]);
    init.arg(me)
        .args(["--exact", "life::agent", "--ignored", "--nocapture"]);
    init.env(AGENT, format!("{} {}", directory.display(), fake.path().display()));
    Init::spawn(&mut init)
}

async fn is_dead(authority: &FileAuthority) -> bool {
    authority.proof_of_death(&holder("uid-0"), PATIENCE).await.unwrap()
}

async fn until_dead(authority: &FileAuthority) {
    let proven = async {
        while !is_dead(authority).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, proven).await.unwrap();
}

#[tokio::test]
async fn only_the_end_of_all_of_a_pods_processes_proves_its_death() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakePostgres::new());
    let authority = open(dir.path(), "uid-1");
    assert!(!is_dead(&authority).await, "it was never there");
    let mut init = start(&[], dir.path(), &fake);
    let (server, agent) = (init.pid_line("server"), init.pid_line("claimed"));
    assert!(!is_dead(&authority).await);
    send(agent, Signal::KILL);
    let next = init.pid_line("claimed");
    assert!(
        !is_dead(&authority).await,
        "init and the server live, and another agent"
    );
    // A server that stands still may go on.
    send(server, Signal::STOP);
    assert!(!is_dead(&authority).await);
    // Stopped, it would be hung up on with its parent: setpgid(2), orphaned process groups.
    send(server, Signal::CONT);
    // init is not PID 1 here: its end ends nobody.
    init.signal(Signal::KILL);
    send(next, Signal::KILL);
    while processes().unwrap().iter().any(|p| p.pid == next && p.state != 'Z') {
        tokio::task::yield_now().await;
    }
    assert!(!is_dead(&authority).await, "the server is left");
    let error = open(dir.path(), "uid-0")
        .claim(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("that an earlier container started"),
        "{error}"
    );
    send(server, Signal::KILL);
    until_dead(&authority).await;
    open(dir.path(), "uid-0").claim(WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_container_whose_pid_1_is_killed_is_not_dead_before_its_server_is() {
    let args = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed = command(args[0], &args[1..]).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        skipped("unshare(1) may not make a PID namespace here");
        return;
    }
    for _ in 0..10 {
        let (dir, fake) = (tempfile::tempdir().unwrap(), FakePostgres::new());
        let authority = open(dir.path(), "uid-1");
        let mut init = start(&args, dir.path(), &fake);
        init.line("server");
        init.line("claimed");
        let pid_1 = children(init.pid())[0].pid;
        let path = fake.path().display().to_string();
        let serves = || {
            processes()
                .unwrap()
                .iter()
                .any(|p| p.args.first() == Some(&path) && p.state != 'Z')
        };
        assert!(serves() && !is_dead(&authority).await);
        send(pid_1, Signal::KILL);
        until_dead(&authority).await;
        assert!(!serves(), "the lock was free while a server ran");
    }
}

#[tokio::test]
async fn a_look_at_the_lock_keeps_its_owner_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Arc::new(open(dir.path(), "uid-1"));
    // The file is there, as after an earlier life.
    open(dir.path(), "uid-0").claim(WITHIN).await.unwrap();
    let looks = tokio::spawn(async move {
        loop {
            is_dead(&authority).await;
        }
    });
    for _ in 0..200 {
        open(dir.path(), "uid-0").claim(PATIENCE).await.unwrap();
    }
    looks.abort();
}
