//! /etc/hosts.

#![no_main]

use gp_agent_core::discovery::hosts_file::full_name;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(name) = full_name(text, "segment-a-0") {
        assert!(name.to_ascii_lowercase().starts_with("segment-a-0."));
    }
});
