//! `gp-agent init` itself, as a subreaper, as PID 1 of a PID namespace, and as another user.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod fence;
mod harness;
mod lock;
mod memory;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/skipped.rs"]
mod skipped;

use harness::*;
use rustix::process::Signal;
use skipped::skipped;
use std::io::Write;
use std::process::Stdio;

/// Stays until a signal ends it; a trap runs at most 20 ms late.
const STAY: &str = "while :; do sleep 0.02; done";

#[test]
fn the_exit_code_says_how_it_ended() {
    assert_eq!(bash(&[], "exit 0").code(), Some(0));
    for (script, code) in [
        ("trap 'exit 0' TERM", 0),
        ("trap 'exit 9' TERM", 9),
        ("trap - TERM", 143),
    ] {
        let mut init = bash(&[], &format!("{script}; echo up; {STAY}"));
        init.line("up");
        init.signal(Signal::TERM);
        assert_eq!(init.code(), Some(code), "{script}:\n{}", init.all());
        assert!(init.has_seen(&format!("code={code}")));
    }
}

#[test]
fn what_cannot_be_started_is_said() {
    for (args, code, part) in [
        (&["init", "--", "/no/such/agent"][..], 127, "check the image and PATH"),
        (&["init", "--", "/etc/passwd"], 126, "check its mode"),
        (&["init", "--grace", "soon"], 64, "--grace is `soon`"),
        (&["init", "--frobnicate"], 64, "usage: gp-agent init"),
    ] {
        let mut init = Init::spawn(&mut command(GP_AGENT, args));
        assert_eq!(init.code(), Some(code), "{args:?}");
        assert!(init.has_seen(part), "{args:?}:\n{}", init.all());
    }
}

#[test]
fn ten_thousand_orphans_leave_no_zombie() {
    let script =
        format!("i=0; while [ $i -lt 10000 ]; do (: &); i=$((i+1)); done; trap 'exit 0' TERM; echo done; {STAY}");
    let mut init = bash(&[], &script);
    init.line("done");
    await_only_the_agent(init.pid());
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0));
}

/// The orphans that end last may still be on their way to init.
fn await_only_the_agent(init: i32) {
    for _ in 0..100_000 {
        let all = children(init);
        if all.len() == 1 && all[0].state != 'Z' {
            return;
        }
        std::thread::yield_now();
    }
    panic!("left below init: {:?}", children(init));
}

#[test]
fn an_agent_that_dies_comes_back_with_growing_pauses() {
    let mut init = bash(
        &[],
        "echo start $GP_AGENT_RESTARTS; [ $GP_AGENT_RESTARTS = 2 ] || exit 7",
    );
    init.line("start 0");
    let first = init.line("started again");
    assert!(
        first.contains("exited with code 7") && first.contains("pause=0ns"),
        "{first}"
    );
    init.line("start 1");
    assert!(init.line("started again").contains("pause=1s"));
    init.line("start 2");
    assert_eq!(init.code(), Some(0));
}

#[test]
fn a_killed_agent_leaves_its_postmaster_running_and_unsignalled() {
    let fake = FakePostgres::new();
    let start = fake.start("INT");
    let script = format!("trap 'exit 0' TERM; echo agent $$; [ $GP_AGENT_RESTARTS != 0 ] || {{ {start} }}; {STAY}");
    let mut init = bash(&[], &script);
    let agent = init.pid_line("agent");
    let postmaster = init.pid_line("postmaster");
    send(agent, Signal::KILL);
    let next = init.pid_line("agent");
    assert_ne!(agent, next);
    let adopted = children(init.pid());
    assert!(adopted.iter().any(|p| p.pid == postmaster), "{adopted:?}");
    assert!(!init.has_seen("pm "), "{}", init.all());
    // The second agent drains without stopping what it adopted, so init stops it.
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
    assert!(init.has_seen("pm INT") && !init.has_seen("pm QUIT"));
}

#[test]
fn six_signals_reach_the_agent_and_nobody_else() {
    let fake = FakePostgres::new();
    let start = fake.start("INT");
    let traps: String = ["HUP", "USR1", "USR2", "INT", "QUIT"]
        .map(|s| format!("trap 'echo got {s}' {s}; "))
        .concat();
    let mut init = bash(
        &[],
        &format!("{traps} trap 'echo got TERM; exit 0' TERM; {start} {STAY}"),
    );
    init.line("postmaster");
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
    ] {
        init.signal(signal);
        init.line(&format!("got {name}"));
    }
    assert!(!init.has_seen("pm "), "{}", init.all());
    init.signal(Signal::TERM);
    init.line("got TERM");
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn children_inherit_no_blocked_or_ignored_signal() {
    let mut init = bash(&[], "exec grep -E 'SigBlk|SigIgn' /proc/self/status");
    let mask = |line: String| u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap();
    assert_eq!(mask(init.line("SigBlk")), 0);
    let handled = [1, 2, 3, 10, 12, 13, 15, 17].map(|s| 1u64 << (s - 1));
    assert_eq!(mask(init.line("SigIgn")) & handled.into_iter().sum::<u64>(), 0);
    assert_eq!(init.code(), Some(0));
}

#[test]
fn a_stuck_agent_does_not_keep_init_from_its_ladder() {
    let fake = FakePostgres::new();
    let start = fake.start("");
    let helper = "(trap 'echo helper TERM; exit' TERM; echo helper up; while :; do sleep 0.02; done) &";
    let script = format!("trap '' TERM; {start} {helper} echo up; {STAY}");
    // Long enough for 0.2 s between init's SIGINT and SIGQUIT, and 0.5 s from there to SIGKILL.
    let mut init = bash(&["--grace", "8"], &script);
    for part in ["postmaster ", "helper up", "up"] {
        init.line(part);
    }
    init.signal(Signal::TERM);
    init.line("init takes over");
    assert_eq!(init.code(), Some(72), "{}", init.all());
    let all = init.all();
    let at = |part: &str| all.find(part).unwrap_or_else(|| panic!("no {part} in {all}"));
    assert!(at("pm INT") < at("pm QUIT") && at("pm QUIT") < at("comm=postgres signal=SIGKILL"));
    assert!(all.contains("helper TERM"), "{all}");
    assert!(
        !all.contains("pm TERM"),
        "SIGTERM is a smart shutdown, which waits for clients:\n{all}"
    );
    assert!(
        !all.contains("comm=backend signal=SIGTERM"),
        "nothing below a postmaster is touched:\n{all}"
    );
}

#[test]
fn when_the_agent_fails_to_drain_init_stops_the_postmaster_at_once() {
    let fake = FakePostgres::new();
    let script = format!("trap 'exit 3' TERM; {} {STAY}", fake.start("INT"));
    // An hour: only `at once` lets this test end.
    let mut init = bash(&["--grace", "3600"], &script);
    init.line("postmaster");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(3), "{}", init.all());
    assert!(init.has_seen("pm INT") && !init.has_seen("pm QUIT"));
}

#[test]
fn a_postmaster_that_needs_an_immediate_shutdown_is_reported() {
    let fake = FakePostgres::new();
    let script = format!("trap 'exit 0' TERM; {} {STAY}", fake.start("QUIT"));
    let mut init = bash(&["--grace", "4"], &script);
    init.line("postmaster");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(70), "{}", init.all());
    assert!(init.has_seen("pm INT") && !init.has_seen("SIGKILL"));
}

#[test]
fn a_stop_while_no_agent_runs_needs_none() {
    let fake = FakePostgres::new();
    let script = format!(
        "[ $GP_AGENT_RESTARTS != 0 ] || {{ {} sleep 0.1; }}; exit 5",
        fake.start("INT")
    );
    let mut init = bash(&["--grace", "3600"], &script);
    init.line("postmaster");
    // The second end in a row is followed by a second's pause.
    init.line("pause=1s");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
    assert!(init.has_seen("no agent runs") && init.has_seen("pm INT"));
}

#[test]
fn an_agent_whose_beats_cease_is_killed_and_started_again() {
    let script = format!(
        "trap 'exit 0' TERM; echo start $GP_AGENT_RESTARTS; \
         if [ $GP_AGENT_RESTARTS = 0 ]; then \
           printf X_GRACE_USEC=90000000 >&$GP_AGENT_INIT_FD; printf WATCHDOG=1 >&$GP_AGENT_INIT_FD; kill -STOP $$; fi; {STAY}"
    );
    let mut init = bash(&["--watchdog", "0.5"], &script);
    init.line("grace=90s");
    init.line("the agent hangs and is killed");
    init.line("killed by SIGKILL");
    init.line("start 1");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let mut child = command(GP_AGENT, &["init", "--", "sh", "-c", "exit 0"])
        .stderr(Stdio::from(writer))
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn as_pid_1_of_a_namespace() {
    let args = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed = command("unshare", &args).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        skipped("unshare(1) may not make a PID namespace here");
        return;
    }
    let fake = FakePostgres::new();
    let script = format!(
        "for i in $(seq 200); do (: &); done; trap 'exit 0' TERM; {} {STAY}",
        fake.start("INT")
    );
    let mut init = Init::spawn(command("unshare", &args).args([GP_AGENT, "init", "--", "bash", "-c", &script]));
    init.line("init started pid=1 ");
    init.line("postmaster");
    let pid_1 = children(init.pid())[0].pid;
    await_only_the_agent(pid_1);
    send(pid_1, Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
    assert!(init.has_seen("pm INT"));
}

#[test]
fn as_any_user() {
    if !rustix::process::getuid().is_root() || find("setpriv").is_none() {
        skipped("only root can become another user, with setpriv(1)");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let binary = public_copy(directory.path());
    let script = format!("echo uid $(id -u); trap 'exit 0' TERM; (: &); echo up; {STAY}");
    let mut init = Init::spawn(
        command("setpriv", &["--reuid=65534", "--regid=65534"])
            .arg("--clear-groups")
            .arg(binary)
            .args(["init", "--", "bash", "-c", &script])
            .current_dir("/"),
    );
    init.line("uid 65534");
    init.line("up");
    await_only_the_agent(init.pid());
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}
