//! What the agent does for Greenplum alone: the catalog, FTS, the creation of the cluster.

pub mod catalog;
pub mod coordinator_timeline;
pub mod creation;
pub mod fts_trigger;
pub mod shutdown_order;
pub mod walreceiver_watchdog;
