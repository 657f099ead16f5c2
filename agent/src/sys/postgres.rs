//! PostgreSQL from outside: its programs, its data directory, its lock file, and a connection that is kept.

pub mod at_work;
pub mod directory;
pub mod leftovers;
pub mod pidfile;
pub mod receivers;
pub mod session;
pub mod tools;
