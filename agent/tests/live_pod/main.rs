//! A pod of this machine, with init, agent and a real PostgreSQL, and what may happen to it.
//!
//! One binary for all tests that need such a pod, so that there is one way to have it. A pod in trouble says what the trouble
//! is, and stays what it is as long as its server works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod adoption;
mod archiving;
mod clock;
mod connections;
mod disk;
#[path = "../support/freeze.rs"]
mod freeze;
#[path = "../support/fuse_volume.rs"]
mod fuse_volume;
#[path = "../support/http_get.rs"]
mod http_get;
mod hung_volume;
mod lost_files;
mod machine;
mod markers;
mod memory;
mod mistakes;
mod place;
mod pod;
#[path = "../support/pod_user.rs"]
mod pod_user;
#[path = "../support/programs.rs"]
mod programs;
mod prometheus;
#[path = "../support/promtool.rs"]
mod promtool;
mod settings;
#[path = "../support/skipped.rs"]
mod skipped;
mod tls;
mod waiting;
