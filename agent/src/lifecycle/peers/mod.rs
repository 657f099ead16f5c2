//! The agents of the other pods, asked over HTTP.

pub mod client;
pub mod cluster_view;
pub mod discovered;
pub mod fan_out;
