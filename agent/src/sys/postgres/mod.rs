//! PostgreSQL from outside: its programs, its data directory, its lock file, and a connection that is kept.

pub(crate) mod access;
pub(crate) mod attempt;
pub(crate) mod auth_request;
pub(crate) mod data_directory;
pub(crate) mod database_record;
pub(crate) mod databases_nearby;
pub(crate) mod orphaned_backends;
pub(crate) mod partner_session;
pub(crate) mod pidfile;
pub(crate) mod port_check;
pub(crate) mod programs;
pub(crate) mod received_wal;
pub(crate) mod running_tools;
pub(crate) mod server_log;
pub(crate) mod session;
pub(crate) mod settings_trial;
pub(crate) mod silence;
pub(crate) mod startup_process;
pub(crate) mod tls;
pub(crate) mod walreceiver;
