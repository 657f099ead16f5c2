//! What gpexpand keeps in the coordinator's data directory while it adds segments (bin/gpexpand, class `GpExpandStatus` and
//! `create_pid_file`).

use super::cluster_tools;
use std::fs::OpenOptions;
use std::io;
use std::io::{ErrorKind, Write};
use std::path::Path;

const STATUS: &str = "gpexpand.status";
const PID: &str = "gpexpand.pid";

/// The steps that it has taken, a line for each; none where there is no such file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn status(dir: &Path) -> io::Result<Option<String>> {
    match std::fs::read(dir.join(STATUS)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds that the catalog lists the new segments: gpexpand then goes on from there, and no longer undoes it.
///
/// # Errors
/// It cannot be written.
pub(crate) fn note_catalog(dir: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(dir.join(STATUS))?;
    file.write_all(b"UPDATE_CATALOG_DONE:None\n")?;
    file.sync_all()
}

/// Removes a file without a step in it, of which gpexpand makes nothing but an error. Returns whether it was one.
///
/// # Errors
/// It cannot be read or removed.
pub(crate) fn remove_empty(dir: &Path) -> io::Result<bool> {
    let empty = status(dir)?.is_some_and(|text| text.trim().is_empty());
    if empty {
        std::fs::remove_file(dir.join(STATUS))?;
    }
    Ok(empty)
}

/// A run that was killed has left its number, which any process may have by now: gpexpand would take that for itself. Returns whether
/// it was there and is gone; it stays while one of Greenplum's tools runs in this pod.
///
/// # Errors
/// Those of reading /proc, and of removing it.
pub(crate) fn remove_stale_pid(dir: &Path) -> io::Result<bool> {
    let file = dir.join(PID);
    if !file.try_exists()? || cluster_tools::running(dir)?.is_some() {
        return Ok(false);
    }
    std::fs::remove_file(file)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_read_and_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert_eq!(status(dir).unwrap(), None);
        assert!(note_catalog(dir).is_err() && !remove_empty(dir).unwrap());
        std::fs::write(dir.join(STATUS), "").unwrap();
        assert!(remove_empty(dir).unwrap() && status(dir).unwrap().is_none());
        std::fs::write(dir.join(STATUS), "UPDATE_CATALOG_STARTED:/d/backup\n").unwrap();
        assert!(!remove_empty(dir).unwrap());
        note_catalog(dir).unwrap();
        assert_eq!(
            status(dir).unwrap().unwrap(),
            "UPDATE_CATALOG_STARTED:/d/backup\nUPDATE_CATALOG_DONE:None\n"
        );
    }

    #[test]
    fn the_number_of_a_run_that_is_over_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!remove_stale_pid(dir.path()).unwrap());
        std::fs::write(dir.path().join(PID), "1").unwrap();
        assert!(remove_stale_pid(dir.path()).unwrap() && !dir.path().join(PID).exists());
    }
}
