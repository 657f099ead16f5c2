//! cluster.yaml: everything wrong with it is said, and what is right is read.

#![no_main]

use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::config::load;

libfuzzer_sys::fuzz_target!(|text: &str| match load(text, "cluster.yaml", std::iter::empty()) {
    Ok(config) => assert!(!Topology::new(&config, "agent.prod.svc").members.is_empty()),
    Err(findings) => assert!(!findings.is_empty()),
});
