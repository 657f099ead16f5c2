//! The lock of gprecoverseg: a directory in the coordinator's. A run that was killed leaves it, and no later one looks whether the
//! process that it names is still there: each says so, does nothing and ends with 0 (gppylib/mainUtils.py, class
//! `SimpleMainLock`), even for `--help`. A copy of the directory has it too.

use super::cluster_tools;
use std::io;
use std::path::Path;

const LOCK: &str = "gprecoverseg.lock";

/// Removes it from the coordinator's directory `dir`, unless one of Greenplum's tools runs in this pod. Returns whether it was
/// there and is gone.
///
/// # Errors
/// Those of reading /proc, and of removing it.
pub(crate) fn remove_stale(dir: &Path) -> io::Result<bool> {
    let lock = dir.join(LOCK);
    // While it is there no tool can make it its own: what is seen before the processes are is theirs, or nobody's.
    if !lock.try_exists()? || cluster_tools::running(dir)?.is_some() {
        return Ok(false);
    }
    std::fs::remove_dir_all(&lock)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn a_lock_without_its_tool_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join(LOCK);
        assert!(!remove_stale(dir.path()).unwrap(), "there is none");
        std::fs::create_dir(&lock).unwrap();
        std::fs::write(lock.join("PID"), "1").unwrap();
        let script = dir.path().join("gprecoverseg");
        std::fs::write(&script, "echo runs; read -r line\n").unwrap();
        let mut tool = Command::new("bash");
        tool.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut tool = tool.spawn().unwrap();
        let mut runs = String::new();
        BufReader::new(tool.stdout.take().unwrap())
            .read_line(&mut runs)
            .unwrap();
        assert!(
            !remove_stale(dir.path()).unwrap() && lock.exists(),
            "it may be the tool's"
        );
        drop(tool.stdin.take());
        tool.wait().unwrap();
        assert!(remove_stale(dir.path()).unwrap() && !lock.exists());
    }
}
