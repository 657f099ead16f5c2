//! The pair: pods with init, agent and server, the network and the volumes between which they live, and who writes to them.

mod network;
pub(crate) mod pod;
pub(crate) mod pods;
mod processes;
pub(crate) mod psql;
mod small_volume;
pub(crate) mod writer;
