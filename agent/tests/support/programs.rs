//! Programs that a test makes and runs.

use std::path::Path;
use std::process::Command;

/// Copies a program. By another process: while this one has the copy open for writing, a child that another test starts at
/// that moment inherits the open file until its exec, and whoever runs the copy meanwhile is told "Text file busy".
pub(crate) fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let (from, to) = (from.as_ref(), to.as_ref());
    let copied = Command::new("install").args(["-m", "755"]).arg(from).arg(to).status();
    assert!(copied.unwrap().success(), "{} to {}", from.display(), to.display());
}
