//! The pure core: no clock, no files, no network, no async runtime.

pub mod backoff;
pub mod config;
pub mod finding;
pub mod hba;
pub mod health;
pub mod identity;
pub mod known_hosts;
pub mod ladder;
pub mod names;
pub mod pace;
pub mod peers;
pub mod status;
pub mod storage;
pub mod topology;
