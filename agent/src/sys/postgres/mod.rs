//! PostgreSQL from outside: its programs, its data directory, its lock file, and a connection that is kept.

pub mod data_directory;
pub mod orphaned_backends;
pub mod pidfile;
pub mod port_check;
pub mod programs;
pub mod running_tools;
pub mod session;
pub mod walreceiver;
