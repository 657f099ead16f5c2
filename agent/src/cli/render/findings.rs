//! Findings as one error.

use anyhow::Error;

/// What was found wrong, a line each.
pub(super) fn all(findings: &[impl ToString]) -> Error {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Error::msg(lines.join("\n"))
}
