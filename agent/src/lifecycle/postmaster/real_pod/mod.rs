//! The supervisor's pod as it really is: its directory, its server from start to end, and what its volume remembers.

mod access;
mod crash_cause;
mod maintenance;
mod pidfile_watch;
pub(super) mod platform;
mod server_end;
