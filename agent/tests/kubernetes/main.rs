//! The client of the Kubernetes API and what the agent does with it, against a server that speaks TLS on a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod client;
mod events;
mod fake;
mod fake_leases;
mod fake_objects;
mod labels;
mod lease;
mod lease_holder;
mod real;
mod real_lease;
#[path = "../support/skipped.rs"]
mod skipped;
