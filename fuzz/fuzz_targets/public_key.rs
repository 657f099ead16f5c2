//! An SSH public key, and the file of those that were replaced; what is shown is read back.

#![no_main]

use gp_agent_core::ssh::key_rotation::Overlap;
use gp_agent_core::ssh::public_key::PublicKey;

libfuzzer_sys::fuzz_target!(|line: &str| {
    if let Ok(key) = PublicKey::parse(line) {
        key.fingerprint();
        let replaced = format!("7 user {key}\n");
        assert_eq!(Overlap::parse(&replaced).render(), replaced);
        assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
    }
    let overlap = Overlap::parse(line);
    assert_eq!(Overlap::parse(&overlap.render()), overlap);
});
