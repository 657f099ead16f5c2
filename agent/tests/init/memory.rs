//! What stays in memory of a process that only waits.

use super::STAY;
use super::harness::*;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// KiB of that key in /proc/<pid>/status (proc_pid_status(5)).
fn kib(pid: i32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Nothing tells when init has dropped its pages, so they are counted again and again.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_only_starts_and_rare_work_need_is_dropped_again() {
    let script = format!("trap 'exit 0' TERM; trap : USR1; echo up; {STAY}");
    let mut init = bash(&[], &script);
    init.line("up");
    let pid = init.pid();
    wait_until("as large as at its peak", || {
        kib(pid, "VmRSS") * 4 < kib(pid, "VmHWM") * 3
    });
    init.signal(Signal::USR1);
    init.line("signal=SIGUSR1");
    let busy = kib(pid, "VmRSS");
    wait_until("as large as after a signal", || kib(pid, "VmRSS") < busy);
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn renewals_of_the_fence_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    // An hour's at ten seconds' lease, as fast as init hears them. A word that it has no room for is said again.
    let script = format!(
        "trap 'exit 0' TERM; read up rest </proc/uptime; until=$((${{up/./}} * 10000 + 600000000)); \
         renew() {{ for i in $(seq $1); do \
           while ! printf X_FENCE_USEC=$((until + i)) >&$GP_AGENT_INIT_FD; do :; done 2>/dev/null; done; }}; \
         renew 50; echo begun; while [ ! -e {} ]; do sleep 0.02; done; renew 1800; echo renewed; {STAY}",
        go.display()
    );
    let mut init = bash(&[], &script);
    init.line("begun");
    let pid = init.pid();
    wait_until("as large as at its peak", || {
        kib(pid, "VmRSS") * 4 < kib(pid, "VmHWM") * 3
    });
    let heap = kib(pid, "RssAnon");
    std::fs::write(&go, "").unwrap();
    init.line("renewed");
    let after = kib(pid, "RssAnon");
    // A page or two are the kernel's to count late.
    assert!(after <= heap + 16, "{heap} KiB before, {after} KiB after");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}
