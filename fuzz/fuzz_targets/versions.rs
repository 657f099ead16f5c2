//! What `postgres --version` and `--gp-version` print, and the ports of an sshd_config.

#![no_main]

use gp_agent_core::greenplum::version::GpVersion;
use gp_agent_core::ssh::config::ports_of;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (version, build) = text.split_once('\n').unwrap_or((text, text));
    let _ = GpVersion::parse(version, build);
    ports_of(text);
});
