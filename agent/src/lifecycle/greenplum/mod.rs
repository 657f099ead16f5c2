//! What the agent does for Greenplum alone: the catalog, FTS, the creation of the cluster.

pub mod catalog;
pub(crate) mod coordinator_timeline;
pub(crate) mod creation;
pub(crate) mod fts_trigger;
pub(crate) mod shutdown_order;
pub(crate) mod walreceiver_watchdog;
