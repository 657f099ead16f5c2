//! The client of the Kubernetes API and what the agent does with it, against a server that speaks TLS on a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "kubernetes/client.rs"]
mod client;
#[path = "kubernetes/events.rs"]
mod events;
#[path = "kubernetes/fake.rs"]
mod fake;
#[path = "kubernetes/fake_objects.rs"]
mod fake_objects;
#[path = "kubernetes/labels.rs"]
mod labels;
#[path = "kubernetes/real.rs"]
mod real;
