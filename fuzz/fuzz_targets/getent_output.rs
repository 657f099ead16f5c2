//! What getent prints for addresses and for names.

#![no_main]

use gp_agent_core::discovery::getent_output::{parse_ahosts, parse_hosts};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let keys = ["segment-a-0.agent.prod.svc", "10.0.0.1", "fd00::2"].map(String::from);
    for keys in [&keys[..], &keys[..1]] {
        assert!(parse_hosts(text, keys).found.keys().all(|key| keys.contains(key)));
        assert!(parse_ahosts(text, keys).found.keys().all(|key| keys.contains(key)));
    }
});
