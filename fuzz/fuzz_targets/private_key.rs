//! What a Secret has in place of a private SSH key.

#![no_main]

use gp_agent_core::ssh::private_key::{diagnose, tidy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(damage) = diagnose(bytes) {
        assert!(!format!("{damage:?}").is_empty());
    }
    let tidied = tidy(bytes);
    assert!(tidied.ends_with(b"\n") && !tidied.contains(&b'\r') && tidied.len() <= bytes.len() + 1);
    assert_eq!(tidy(&tidied), tidied);
});
