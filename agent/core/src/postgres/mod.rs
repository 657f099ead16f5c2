//! One PostgreSQL server: its directory, its configuration files, whether it may start, how it ended.

pub mod access;
pub mod archiving;
pub mod auth_request;
pub mod conf;
pub mod control_data;
pub mod data_directory;
pub mod exit_cause;
pub mod hba;
pub mod kept_out;
pub mod left_behind;
pub mod lost_databases;
pub mod major;
pub mod observation;
pub mod pgpass;
pub mod pidfile;
pub mod rejoin;
pub mod settings;
pub mod slots;
pub mod standby;
pub mod start_decision;
pub mod supervisor;
pub mod timeline_history;
pub mod tls;
pub mod wal_name;
pub mod wal_page;
pub mod walreceiver_title;
mod withheld;
