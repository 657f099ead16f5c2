//! The agents of the other pods, asked over HTTP.

pub mod client;
pub(crate) mod discovered;
pub(crate) mod fan_out;
pub(crate) mod look;
