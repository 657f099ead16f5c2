//! Processes over time: restarts with backoff, polling, the shutdown schedule.

pub mod environment;
pub mod init_line;
pub mod passwd;
pub mod poll_interval;
pub mod restart_backoff;
pub mod retry;
pub mod shutdown_schedule;
pub mod smaps;
pub mod stat;
pub mod timeouts;
