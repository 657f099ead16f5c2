//! A pod in trouble says what the trouble is, and stays what it is as long as its server works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "troubles/clock.rs"]
mod clock;
#[path = "troubles/connections.rs"]
mod connections;
#[path = "troubles/disk.rs"]
mod disk;
#[path = "http_get/mod.rs"]
mod http_get;
#[path = "live_pod/mod.rs"]
mod live_pod;
#[path = "troubles/markers.rs"]
mod markers;
#[path = "troubles/memory.rs"]
mod memory;
#[path = "programs/mod.rs"]
mod programs;
#[path = "troubles/settings.rs"]
mod settings;
