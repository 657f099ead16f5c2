//! One pod with a real server, and what may happen to its volume.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod adoption;
mod harness;
#[path = "../http_get/mod.rs"]
mod http_get;
mod lost_files;
#[path = "../programs/mod.rs"]
mod programs;
