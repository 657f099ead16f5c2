//! cluster.yaml as a file.

pub(crate) mod config_file;
pub(crate) mod kept_config;
