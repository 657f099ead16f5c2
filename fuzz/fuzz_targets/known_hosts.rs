//! known_hosts and what ssh-keyscan prints; what is rendered is read back.

#![no_main]

use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::config::load;
use gp_agent_core::ssh::known_hosts::{Pins, parse_scan};
use std::sync::LazyLock;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    let text = "cluster: w\nengine: greenplum\nsegments: { count: 2, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).expect("a right configuration");
    Topology::new(&config, "agent.prod.svc")
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    parse_scan(text);
    let pins = Pins::parse(text, &TOPOLOGY);
    assert_eq!(Pins::parse(&pins.render(&TOPOLOGY, 22), &TOPOLOGY), pins);
});
