//! Log records, of the agent and of PostgreSQL.

pub mod postgres;
pub mod record;
pub mod utc;
