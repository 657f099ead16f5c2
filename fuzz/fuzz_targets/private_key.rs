//! What a Secret has in place of a private SSH key.

#![no_main]

use gp_agent_core::ssh::private_key::diagnose;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    diagnose(bytes);
});
