//! Two coordinator pods with real PostgreSQL, and what happens to them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod alone;
#[path = "../support/fuse_volume.rs"]
mod fuse_volume;
mod hangs;
#[path = "../support/http_get.rs"]
mod http_get;
mod left_behind;
mod pair;
mod planned;
#[path = "../support/pod_user.rs"]
mod pod_user;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/promtool.rs"]
mod promtool;
mod remedies;
#[path = "../support/skipped.rs"]
mod skipped;
mod takeover;
