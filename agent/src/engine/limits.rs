//! What follows from the container's limits, for each engine.

use super::Engine;
use gp_agent_core::config::EngineKind;
use gp_agent_core::finding::Finding;
use gp_agent_core::resources::{Derived, Limits, greenplum, judge, postgres};
use std::collections::BTreeMap;

impl Engine {
    /// The parameters that follow from `limits` and that `configured` does not set.
    pub fn derive(&self, limits: &Limits, configured: &BTreeMap<String, String>) -> Vec<Derived> {
        let kind = match self {
            Engine::Postgres(_) => EngineKind::Postgres,
            Engine::Greenplum(_) => EngineKind::Greenplum,
        };
        derive(kind, limits, configured)
    }
}

/// The same before the engine's programs have been found.
pub(crate) fn derive(kind: EngineKind, limits: &Limits, configured: &BTreeMap<String, String>) -> Vec<Derived> {
    match kind {
        EngineKind::Postgres => postgres::derive(limits, configured),
        EngineKind::Greenplum => greenplum::derive(limits, configured),
    }
}

/// What `configured` says, and what follows from `limits` for all that it does not set.
pub(crate) fn with_derived(
    kind: EngineKind,
    limits: &Limits,
    configured: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let derived = derive(kind, limits, configured).into_iter();
    let derived = derived.map(|d| (d.name.to_string(), d.value));
    derived.chain(configured.clone()).collect()
}

/// Limits with which the database will not do its work.
pub(crate) fn judge_limits(kind: EngineKind, limits: &Limits) -> Option<Finding> {
    match kind {
        EngineKind::Postgres => judge(limits, "PostgreSQL", postgres::LEAST),
        EngineKind::Greenplum => judge(limits, "Greenplum", greenplum::LEAST),
    }
}
