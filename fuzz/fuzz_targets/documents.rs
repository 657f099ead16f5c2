//! What other agents serve, of any version: a status, a catalog, a list of pods.

#![no_main]

use gp_agent_core::cluster::catalog::CatalogReply;
use gp_agent_core::cluster::document::read;
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::probes::ready;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::load;
use gp_agent_core::failover::promise::PromiseReply;
use std::sync::LazyLock;

static MEMBER: LazyLock<Member> = LazyLock::new(|| {
    let text = "cluster: warehouse\nengine: greenplum\nsegments: { count: 1, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).expect("a right configuration");
    Topology::new(&config, "agent.prod.svc").members.remove(0)
});

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Ok(report) = read::<Report>(body, "warehouse", &MEMBER) {
        ready(&report.status, 0);
    }
    if let Ok(reply) = read::<CatalogReply>(body, "warehouse", &MEMBER) {
        assert!(!format!("{reply:?}").is_empty());
    }
    if let Ok(look) = read::<PartnerLook>(body, "warehouse", &MEMBER) {
        assert!(!format!("{look:?}").is_empty());
    }
    if let Ok(reply) = read::<PromiseReply>(body, "warehouse", &MEMBER) {
        reply.reply();
    }
    if let Ok(pods) = serde_json::from_slice::<Vec<PodReport>>(body) {
        pods.iter().all(PodReport::ready);
    }
});
