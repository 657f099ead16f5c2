//! The agents of the other pods, asked over HTTP.

pub mod client;
pub mod cluster_view;
pub(crate) mod discovered;
pub(crate) mod fan_out;
