//! The log as JSON: below a real init, under kills, and with a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "http_get/mod.rs"]
mod http_get;
#[path = "log/kills.rs"]
mod kills;
#[path = "log/server.rs"]
mod server;
#[path = "log/stopped_reader.rs"]
mod stopped_reader;
