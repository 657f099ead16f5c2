//! /proc/self/mountinfo.

#![no_main]

use gp_agent_core::storage::mountinfo::{find, parse};
use std::path::Path;

libfuzzer_sys::fuzz_target!(|table: &[u8]| {
    let mounts = parse(table);
    find(&mounts, None, Path::new("/greenplum/gpseg0"));
    find(&mounts, Some(30), Path::new("/greenplum"));
});
