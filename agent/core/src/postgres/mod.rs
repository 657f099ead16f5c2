//! One PostgreSQL server: its directory, its configuration files, whether it may start, how it ended.

pub mod access;
pub mod conf;
pub mod control_data;
pub mod data_directory;
pub mod exit_cause;
pub mod hba;
pub mod kept_out;
pub mod major;
pub mod observation;
pub mod pgpass;
pub mod pidfile;
pub mod settings;
pub mod slots;
pub mod standby;
pub mod start_decision;
pub mod supervisor;
pub mod tls;
mod withheld;
