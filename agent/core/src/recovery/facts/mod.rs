//! What is known at one look: from the catalog and its history, the servers, the agents and the record.

pub mod charge;
pub mod damage;
pub mod evidence;
pub mod role_changes;
pub mod server;
pub mod sizes;
mod unfit;
