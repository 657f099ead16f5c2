//! The HTTP server and its clients against real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "http/crowd.rs"]
mod crowd;
#[path = "http/door.rs"]
mod door;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/peers.rs"]
mod peers;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/support.rs"]
mod support;
#[path = "http/verbs.rs"]
mod verbs;
