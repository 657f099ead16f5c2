//! What is said of failover: in the status, in findings and in the log.

mod last;
pub(super) mod report;
pub(super) mod show;
