//! promtool, from Debian's package `prometheus`.

use crate::skipped::skipped;
use std::io::Write;
use std::process::{Command, Stdio};

/// Whether it is there; says so where not. `tests/run` installs it.
pub(crate) fn is_there() -> bool {
    let there = Command::new("promtool").arg("--version").output().is_ok();
    if !there {
        let why = "there is no promtool, which is in Debian's package prometheus";
        assert!(std::env::var_os("GP_TESTS_REQUIRE_PROMTOOL").is_none(), "{why}");
        skipped(why);
    }
    there
}

/// Has it judge an exposition in Prometheus' text format.
pub(crate) fn finds_nothing_wrong(exposition: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(exposition.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{exposition}");
}
