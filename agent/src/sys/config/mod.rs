//! cluster.yaml as a file.

pub(crate) mod config_file;
