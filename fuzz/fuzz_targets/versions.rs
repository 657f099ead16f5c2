//! What `postgres --version` and `--gp-version` print, PG_VERSION, and the ports of an sshd_config.

#![no_main]

use gp_agent_core::greenplum::version::GpVersion;
use gp_agent_core::postgres::major::{Feature, Major, is_version, printed};
use gp_agent_core::ssh::config::ports_of;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (version, build) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(read) = GpVersion::parse(version, build) {
        assert!(is_version(&read.postgres) || read.postgres.is_empty());
        assert_eq!(GpVersion::parse(version, &read.build), Ok(read));
    }
    // It becomes part of a path.
    let said = printed(text);
    assert!(said.as_deref().is_none_or(is_version));
    let read = Some(version.to_string()).filter(|version| is_version(version));
    for version in said.into_iter().chain(read) {
        assert!(version.chars().all(|c| c.is_ascii_digit() || c == '.') && !version.starts_with('.'));
        assert_eq!(Major::of(&version), Major::of(&format!("{version}.0")));
    }
    let major = Major::of(text);
    assert_eq!(major.has(Feature::RecoveryConf), major < Major::of("12"));
    assert!(ports_of(text).len() <= text.lines().count());
    assert_eq!(ports_of(&format!("{text}\nPort 2222\n")).last(), Some(&2222));
});
