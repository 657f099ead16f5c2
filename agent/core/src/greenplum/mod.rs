//! What only Greenplum has: versions, gpinitsystem, FTS, the output of its tools, starts by the catalog; what administrators' tools are told.

pub mod admin_logs;
pub mod catalog_drift;
pub mod creation_gaps;
pub mod creation_state;
pub mod fts_trigger;
pub mod gpinitsystem;
pub mod hurry;
pub mod lost_pods;
pub mod lost_primaries;
pub mod preflight;
mod remedy;
pub mod replica_refusal;
pub mod start_decision;
pub mod startup_order;
pub mod tool_environment;
pub mod tool_output;
pub mod version;
