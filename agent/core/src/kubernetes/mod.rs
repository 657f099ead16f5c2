//! The Kubernetes API: the role label and Events, and what its errors mean.

pub mod api_error;
pub mod events;
pub mod role_label;
