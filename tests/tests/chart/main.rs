//! The Helm chart, rendered by helm itself: every object as the Kubernetes API knows it, and what the objects say together.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod cases;
mod configuration;
mod documents;
mod flat;
mod keys;
mod live;
mod monitoring;
mod objects;
mod off;
mod older;
mod placement;
mod refusals;
mod rights;
mod security;
mod services;
mod snapshots;
mod tls;
mod topology;
mod typed;

use cluster_tests::helm;
use std::io::Write;

/// The oldest Kubernetes that the chart is for.
const OLDEST: &str = "1.20.2";
/// One of the newest.
const NEWEST: &str = "1.34.0";

/// Whether the tests can run; says so loudly when not, past the test harness, which shows only what failed tests say.
fn can_render() -> bool {
    let Some(why) = helm::missing() else {
        return true;
    };
    assert!(std::env::var_os("GP_TESTS_REQUIRE_HELM").is_none(), "{why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED the tests of the Helm chart: {why}");
    false
}
