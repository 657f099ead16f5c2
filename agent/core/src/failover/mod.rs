//! Coordinator failover: how exactly one of two coordinators writes, and the other takes over by itself without losing what was
//! acknowledged. The protocol, its rules (R1 to R13) and its numbers: docs/design/failover.md.

pub mod candidate;
pub mod lsn;
pub mod pod_uid;
pub mod promise;
pub mod record;
#[cfg(test)]
mod simulation;
pub mod stream_rows;
pub mod timing;
