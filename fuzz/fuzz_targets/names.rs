//! Names that others give: of this host, of files and directories on the volume.

#![no_main]

use gp_agent_core::cluster::identity::{domain_of, identify};
use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::config::load;
use gp_agent_core::postgres::standby::is_servers;
use gp_agent_core::storage::leftovers::Leftover;
use std::path::Path;
use std::sync::LazyLock;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    let text = "cluster: w\nengine: greenplum\nsegments: { count: 2, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).expect("a right configuration");
    Topology::new(&config, "agent.prod.svc")
});

/// Nothing that is in use, or another's, is ever said to be left over.
fn leftovers(name: &str) {
    for dir in ["gpseg-1", "gpseg0", "gpseg1"] {
        let beside = Leftover::beside(name, dir);
        let is_its = |end: &str| name.starts_with(&format!("{dir}{end}"));
        assert!(beside.is_none() || is_its(".") || is_its("-wal."), "{name:?} {dir}");
        let used = format!("{dir}-1796000000");
        for used in [None, Some(used.as_str()), Some(name)] {
            let wal = Leftover::wal(name, dir, used);
            assert!(wal.is_none() || used.is_some_and(|used| used != name) && is_its("-"));
        }
        if let Some(left) = beside {
            left.finding(Path::new(name), u64::MAX);
        }
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    match identify(text, &TOPOLOGY) {
        Ok(member) => assert!(text.to_ascii_lowercase().starts_with(&member.pod)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    for member in &TOPOLOGY.members {
        let full = format!("{}.{text}", member.pod.to_ascii_uppercase());
        assert_eq!(identify(&full, &TOPOLOGY).ok(), Some(member));
        if let Some(domain) = domain_of(&full, &member.pod) {
            assert!(!domain.is_empty() && text.starts_with(domain));
        }
    }
    leftovers(text);
    for dir in ["gpseg-1", "gpseg0"] {
        leftovers(&format!("{dir}{text}"));
    }
    assert!(!is_servers(text.as_bytes()) || text.starts_with("PG_") || text.starts_with("GPDB_"));
});
