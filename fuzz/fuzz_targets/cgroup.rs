//! /proc/self/cgroup beside a table of mounts (after an empty line), and the files of limits.

#![no_main]

use gp_agent_core::resources::oom::parse_oom_kills;
use gp_agent_core::resources::{hierarchies, parse_bytes, parse_cpu_max, parse_quota};
use gp_agent_core::storage::mountinfo;

libfuzzer_sys::fuzz_target!(|both: &[u8]| {
    let cut = both.windows(2).position(|two| two == b"\n\n").unwrap_or(both.len());
    let (own, table) = both.split_at(cut);
    let mounts = mountinfo::parse(table.trim_ascii_start());
    for controller in ["memory", "cpu"] {
        for group in hierarchies(controller, own, &mounts) {
            assert!(group.dir.starts_with(&group.top));
        }
    }
    let text = String::from_utf8_lossy(both);
    parse_bytes(&text);
    parse_cpu_max(&text);
    parse_oom_kills(&text);
    if let Some((quota, period)) = text.split_once('\n') {
        parse_quota(quota, period);
    }
});
