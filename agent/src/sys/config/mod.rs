//! cluster.yaml as a file.

pub mod config_file;
