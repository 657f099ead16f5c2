//! /proc/PID/stat, cmdline and status.

#![no_main]

use gp_agent_core::process::stat::{Stat, arguments, catches};

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    Stat::parse(file);
    arguments(file);
    for signal in [0, 1, 31, 64, 65, u32::MAX] {
        catches(file, signal);
    }
});
