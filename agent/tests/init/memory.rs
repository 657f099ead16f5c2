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
