//! Log records, of the agent and of PostgreSQL.

pub mod postgres;
pub mod printable;
pub mod record;
pub mod utc;
