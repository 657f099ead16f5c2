//! The verbs of the command line.

pub mod args;
pub mod check_config;
pub mod render_topology;
