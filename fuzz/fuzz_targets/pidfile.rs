//! postmaster.pid.

#![no_main]

use gp_agent_core::postgres::pidfile::Pidfile;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    Pidfile::parse(file);
});
