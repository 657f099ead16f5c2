//! Where the record of leadership lives, and what else an authority can say about its holder.
//!
//! An authority answers questions and carries out one compare-and-swap; what follows from the answers is decided in
//! [`gp_agent_core::failover`]. Nothing here waits longer than it is allowed to. The authority of Kubernetes is in
//! `sys/kubernetes`.

pub(crate) mod authority;
pub(crate) mod file;
pub(crate) mod kept_record;
pub(crate) mod pod_uid;
