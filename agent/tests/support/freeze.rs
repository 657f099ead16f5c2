//! A process that stands still.

use rustix::process::{Pid, Signal, kill_process};

/// Stops a process, and waits until none of its threads does anything, not even in the kernel: kill(2) returns before.
pub(crate) fn freeze(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    let stopped = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        // The name may have brackets of its own.
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    while !threads().all(|thread| stopped(thread.unwrap())) {
        std::thread::yield_now();
    }
}
