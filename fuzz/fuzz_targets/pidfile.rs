//! postmaster.pid.

#![no_main]

use gp_agent_core::postgres::pidfile::Pidfile;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let read = Pidfile::parse(file);
    // What PostgreSQL adds changes nothing of what it has written, but for the last line, which it may be within.
    let more = Pidfile::parse(&[file, b"\n4711\nready\n"].concat());
    assert_eq!(more.pid, read.pid);
    assert!(more.stopping || !read.stopping);
    let Some(pid) = read.pid else { return };
    assert_eq!(Pidfile::parse(pid.to_string().as_bytes()).pid, Some(pid));
});
