//! promtool, from Debian's package `prometheus`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether it is there; says so where not. `tests/run` installs it.
pub(super) fn is_there() -> bool {
    let there = Command::new("promtool").arg("--version").output().is_ok();
    if !there {
        let why = "there is no promtool, which is in Debian's package prometheus";
        assert!(std::env::var_os("GP_TESTS_REQUIRE_PROMTOOL").is_none(), "{why}");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
    there
}

/// The file is one of rules.
pub(super) fn check(rules: &Path) {
    run(Command::new("promtool").args(["check", "rules"]).arg(rules));
}

/// The tests of rules pass.
pub(super) fn test(tests: &[PathBuf]) {
    run(Command::new("promtool").args(["test", "rules"]).args(tests));
}

fn run(promtool: &mut Command) {
    let output = promtool.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
}
