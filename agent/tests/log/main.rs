//! The log as JSON: below a real init, under kills, and with a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "../support/http_get.rs"]
mod http_get;
mod kills;
mod server;
mod stopped_reader;
