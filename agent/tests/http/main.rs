//! The HTTP server and its clients against real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod crowd;
mod door;
mod hostile;
mod peers;
mod routes;
mod support;
mod verbs;
