//! The cluster: who is in it, what each pod is and says, and what Greenplum's catalog says of it.

pub mod catalog;
pub mod content;
pub mod creation;
pub mod directory;
pub mod document;
pub mod identity;
pub mod pairing;
pub mod peer_error;
pub mod phase;
pub mod probes;
pub mod replay_pause;
pub mod replication;
pub mod report;
pub mod server;
pub mod state;
pub mod status;
pub mod topology;
pub mod volume;
