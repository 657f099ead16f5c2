//! What a volume remembers of the database that its pod has had, and what else on it says that there was one: an empty database
//! is made where nothing does.

use crate::sys::storage::fs::{remove_if_there, write_atomically};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// "Database system identifier" of pg_controldata.
    system_id: String,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("database")
}

/// The system identifier of the database that was last started or found running here; `None` when none ever was.
///
/// # Errors
/// The record is there and cannot be read or understood: then there was one.
pub(crate) fn read(state_dir: &Path) -> io::Result<Option<String>> {
    let path = file(state_dir);
    let named = |error: String| {
        io::Error::other(format!(
            "{} cannot be read ({error}), and it says which database this pod has had; mend the volume, or remove the file if it is damaged: a data directory that is there tells by itself",
            path.display()
        ))
    };
    match std::fs::read(&path) {
        Ok(text) => {
            let record: Record = serde_json::from_slice(&text).map_err(|e| named(e.to_string()))?;
            Ok(Some(record.system_id))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(error.to_string())),
    }
}

/// Remembers it, durably; before its server starts. Returns what was remembered until now, when that was another one.
///
/// # Errors
/// Those of the volume.
pub(crate) fn keep(state_dir: &Path, system_id: &str) -> io::Result<Option<String>> {
    let before = read(state_dir).ok().flatten().filter(|before| before != system_id);
    let record = Record {
        system_id: system_id.to_string(),
    };
    write_atomically(&file(state_dir), &serde_json::to_vec(&record)?, 0o600)?;
    Ok(before)
}

/// Forgets it, because what it tells of holds nobody's data.
///
/// # Errors
/// Those of the volume.
pub(crate) fn forget(state_dir: &Path) -> io::Result<()> {
    remove_if_there(&file(state_dir)).map(drop)
}

/// Other data directories at the top of `volume` and beside `dir`: set aside, or moved by hand. What an attempt left that never
/// got its name was never started.
///
/// # Errors
/// The volume cannot be listed.
pub(crate) fn beside(volume: &Path, dir: &Path) -> io::Result<Vec<String>> {
    let mut found = BTreeSet::new();
    for folder in [Some(volume), dir.parent()].into_iter().flatten() {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if path != dir && !is_attempt(&path, dir) && is_data_directory(&path) {
                found.insert(path.display().to_string());
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn is_data_directory(path: &Path) -> bool {
    ["PG_VERSION", "global/pg_control"]
        .iter()
        .any(|part| path.join(part).exists())
}

/// The name under which a directory is made; see [`being_made`]. With a date where it was set aside.
fn is_attempt(path: &Path, dir: &Path) -> bool {
    let making = being_made(dir);
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    match (name(path), name(&making)) {
        (Some(name), Some(making)) => name == making || name.starts_with(&format!("{making}.aside-")),
        _ => false,
    }
}

/// Where a directory is while it is made: it gets its own name when it is whole.
pub(crate) fn being_made(dir: &Path) -> PathBuf {
    dir.with_extension("making")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_remembered_and_a_damaged_memory_is_none_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        assert_eq!(keep(dir.path(), "7").unwrap(), None);
        assert_eq!(keep(dir.path(), "7").unwrap(), None);
        assert_eq!(read(dir.path()).unwrap(), Some("7".into()));
        assert_eq!(keep(dir.path(), "8").unwrap(), Some("7".into()));
        for damage in ["", "{", "7", "\0\0"] {
            std::fs::write(file(dir.path()), damage).unwrap();
            assert!(
                read(dir.path()).unwrap_err().to_string().contains("database"),
                "{damage:?}"
            );
        }
        assert_eq!(keep(dir.path(), "8").unwrap(), None);
        forget(dir.path()).unwrap();
        forget(dir.path()).unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
    }

    #[test]
    fn directories_that_were_moved_are_found_and_attempts_are_not() {
        let volume = tempfile::tempdir().unwrap();
        let dir = volume.path().join("mirror/gpseg0");
        let make = |name: &str, part: &str| {
            let part = volume.path().join(name).join(part);
            std::fs::create_dir_all(part.parent().unwrap()).unwrap();
            std::fs::write(part, "x").unwrap();
        };
        make("mirror/gpseg0", "PG_VERSION");
        make("mirror/gpseg0.making", "PG_VERSION");
        make("mirror/gpseg0.making.aside-20261124T061309Z", "PG_VERSION");
        make("mirror/other", "file");
        assert_eq!(beside(volume.path(), &dir).unwrap(), Vec::<String>::new());
        make("mirror/gpseg0.aside-20261124T061309Z", "PG_VERSION");
        make("moved", "global/pg_control");
        let found = beside(volume.path(), &dir).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            beside(&volume.path().join("none"), &volume.path().join("none/x"))
                .unwrap()
                .is_empty()
        );
    }
}
