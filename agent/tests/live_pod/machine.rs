//! What this machine gives to a pod, and whether it does.

use crate::skipped::skipped;
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped("only root can run a pod as another user");
    }
    root
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The first of two neighbours, below those that the kernel hands out.
pub(crate) fn free_ports() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let first = 10_001 + u16::try_from(std::process::id() % 340).unwrap() * 64;
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    loop {
        let port = first + USED.fetch_add(2, Ordering::Relaxed) % 2048;
        if free(port) && free(port + 1) {
            return port;
        }
    }
}
