//! The cluster: who is in it, what each pod is and says, and what Greenplum's catalog says of it.

pub mod catalog;
pub mod cluster_state;
pub mod content;
pub mod directory;
pub mod document;
pub mod failover_check;
pub mod failover_command;
pub mod failover_findings;
pub mod failover_status;
pub mod identity;
pub mod pairing;
pub mod partner_look;
pub mod peer_error;
pub mod phase;
pub mod probes;
pub mod recovery_findings;
pub mod recovery_status;
pub mod replay_pause;
pub mod replication;
pub mod report;
pub mod roles_status;
pub mod server;
pub mod state;
pub mod status;
pub mod topology;
pub mod volume;
