//! What Greenplum's tools and its catalog mean for the life of a postmaster: what is asked before it starts, whom it waits for,
//! and how the directory of an old coordinator becomes a standby's.

mod questions;
mod rejoin;
mod rejoin_files;
mod running_tools;
mod shutdown_order;
mod startup_order;
pub(super) mod strategy;
