//! What gpexpand keeps in the coordinator's data directory while it adds segments (bin/gpexpand, class `GpExpandStatus` and
//! `create_pid_file`).

use super::cluster_tools;
use std::fs::OpenOptions;
use std::io;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

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

/// Removes what a run packed that was killed, or whose pod was lost: the copy of the coordinator's directory that new segments begin
/// as, beside the directory `dir` (gppylib/commands/gp.py, `createTempDirectoryName`), and the archive of it in `packed_in`. Only
/// the run itself would have used them; `gpexpand -r` removes them as well, in the pod in which it is called. Nothing is removed
/// while one of Greenplum's tools runs in this pod. Returns what was.
///
/// # Errors
/// Those of reading /proc, and of removing.
pub(crate) fn remove_packed(dir: &Path, packed_in: &Path) -> io::Result<Vec<PathBuf>> {
    let mut left = vec![packed_in.join("gpexpand_schema.tar")];
    left.retain(|archive| archive.is_file());
    let beside = dir.parent().map(std::fs::read_dir).transpose()?;
    for entry in beside.into_iter().flatten() {
        let entry = entry?;
        if is_copy(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_dir() {
            left.push(entry.path());
        }
    }
    if left.is_empty() || cluster_tools::running(dir)?.is_some() {
        return Ok(Vec::new());
    }
    for path in &left {
        match path.is_dir() {
            true => std::fs::remove_dir_all(path)?,
            false => std::fs::remove_file(path)?,
        }
    }
    Ok(left)
}

/// `gpexpand_MMDDYYYY_PID`.
fn is_copy(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts = name.strip_prefix("gpexpand_").and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(day, pid)| day.len() == 8 && digits(day) && digits(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lost_run_packed_is_removed_and_nothing_else() {
        let volume = tempfile::tempdir().unwrap();
        let (dir, state) = (volume.path().join("gpseg-1"), volume.path().join(".gp-agent"));
        for kept in [
            "gpseg-1",
            ".gp-agent",
            "gpexpand_mine",
            "gpexpand_12012026_x",
            "gpexpand_1201_7",
        ] {
            std::fs::create_dir(volume.path().join(kept)).unwrap();
        }
        assert!(remove_packed(&dir, &state).unwrap().is_empty());
        let copy = volume.path().join("gpexpand_12012026_4835");
        std::fs::create_dir_all(copy.join("base")).unwrap();
        let archive = state.join("gpexpand_schema.tar");
        std::fs::write(&archive, "").unwrap();
        assert_eq!(remove_packed(&dir, &state).unwrap(), [archive.clone(), copy.clone()]);
        assert!(!archive.exists() && !copy.exists());
        assert_eq!(std::fs::read_dir(volume.path()).unwrap().count(), 5);
    }

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
