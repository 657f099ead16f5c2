//! The pure core: no clock, no files, no network, no async runtime.

pub mod backoff;
pub mod catalog;
pub mod catalog_start;
pub mod cluster;
pub mod config;
pub mod control_data;
pub mod creation;
pub mod finding;
pub mod fts;
pub mod gp_output;
pub mod gp_version;
pub mod gpinitsystem;
pub mod hba;
pub mod health;
pub mod identity;
pub mod key_overlap;
pub mod known_hosts;
pub mod kubernetes;
pub mod ladder;
pub mod names;
pub mod observation;
pub mod pace;
pub mod peers;
pub mod pg_conf;

pub mod preflight;
pub mod role_label;
pub mod ssh_config;
pub mod ssh_keys;
pub mod ssh_ports;
pub mod start;
pub mod status;
pub mod status_table;
pub mod storage;
pub mod topology;
pub mod utc;
