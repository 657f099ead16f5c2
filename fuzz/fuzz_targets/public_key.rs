//! An SSH public key; what is shown is read back.

#![no_main]

use gp_agent_core::ssh::public_key::PublicKey;

libfuzzer_sys::fuzz_target!(|line: &str| {
    if let Ok(key) = PublicKey::parse(line) {
        key.fingerprint();
        assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
    }
});
