//! What a volume remembers of the database that its pod has had, and what else on it says that there was one: an empty database
//! is made where nothing does.

use super::attempt;
use crate::sys::storage::document;
use crate::sys::storage::fs::remove_if_there;
use crate::sys::storage::fs::volume_lock::STATE_DIR;
use gp_agent_core::postgres::data_directory::Remembered;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Where it is kept: on the volume of the data directory, and on the one for write-ahead log where there is one, which may stay
/// when the other one is lost or another directory is mounted in its place.
#[derive(Clone, Debug)]
pub(crate) struct Keepers {
    /// The agent's folder on the first.
    pub state_dir: PathBuf,
    /// The second volume.
    pub wal: Option<PathBuf>,
}

impl Keepers {
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let wal = self.wal.as_ref().map(|wal| wal.join(STATE_DIR));
        let folders = [Some(self.state_dir.clone()), wal];
        folders.into_iter().flatten().map(|folder| folder.join("database"))
    }
}

/// The database that was last started or found running here; `None` when none ever was. What the first volume says counts.
///
/// # Errors
/// A record is there and cannot be read or understood: then there was one.
pub(crate) fn read(at: &Keepers) -> io::Result<Option<Remembered>> {
    for file in at.files() {
        let named = |error: io::Error| {
            io::Error::other(format!(
                "{error}: it cannot be read, and says which database this pod has had; mend the volume, or remove the file if it is damaged: a data directory that is there tells by itself"
            ))
        };
        if let Some(remembered) = document::read(&file).map_err(named)? {
            return Ok(Some(remembered));
        }
    }
    Ok(None)
}

/// Remembers it, durably; before its server starts. Returns the system identifier that was remembered until now, when that was
/// another one. A timeline that is not known (0) takes nothing away from one that is.
///
/// # Errors
/// Those of the volumes.
pub(crate) fn keep(at: &Keepers, database: &Remembered) -> io::Result<Option<String>> {
    let before = read(at).ok().flatten();
    let (same, other): (Option<Remembered>, Option<Remembered>) = match before {
        Some(before) if before.system_id == database.system_id => (Some(before), None),
        other => (None, other),
    };
    let mut database = database.clone();
    if database.timeline == 0 {
        database.timeline = same.map_or(0, |same| same.timeline);
    }
    write(at, &database)?;
    Ok(other.map(|other| other.system_id))
}

/// Remembers that the server went on to a newer timeline.
///
/// # Errors
/// As those of [`read`], and those of the volumes.
pub(crate) fn raise(at: &Keepers, database: &Remembered) -> io::Result<()> {
    match read(at)? {
        Some(known) if known.system_id == database.system_id && known.timeline < database.timeline => {
            write(at, database)
        }
        _ => Ok(()),
    }
}

fn write(at: &Keepers, database: &Remembered) -> io::Result<()> {
    if let Some(wal) = &at.wal {
        make_private(&wal.join(STATE_DIR))?;
    }
    at.files().try_for_each(|file| document::keep(&file, database))
}

fn make_private(folder: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io::Error::new(
            error.kind(),
            format!("cannot make {}: {error}", folder.display()),
        )),
        _ => Ok(()),
    }
}

/// Forgets it, because what it tells of holds nobody's data.
///
/// # Errors
/// Those of the volumes.
pub(crate) fn forget(at: &Keepers) -> io::Result<()> {
    at.files().try_for_each(|file| remove_if_there(&file).map(drop))
}

/// Directories for the write-ahead log of `dir` on the second volume that are not empty, but for those of an attempt to make it
/// that was broken off: their names begin with that of the data directory.
///
/// # Errors
/// The volume cannot be listed.
pub(crate) fn logs_of(dir: &Path, at: &Keepers) -> io::Result<Vec<String>> {
    let (Some(volume), Some(name)) = (&at.wal, dir.file_name()) else {
        return Ok(Vec::new());
    };
    let entries = match std::fs::read_dir(volume) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let attempts = attempt::beside(&at.state_dir);
    let mut found = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        let is_filled = || std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some());
        if is_log_of(&path, &name.to_string_lossy()) && !attempts.contains(&path) && is_filled() {
            found.insert(path.display().to_string());
        }
    }
    Ok(found.into_iter().collect())
}

/// `gpseg0-1796000000`
fn is_log_of(path: &Path, name: &str) -> bool {
    let own = path.file_name().map(|name| name.to_string_lossy());
    let date = own.as_deref().and_then(|own| own.strip_prefix(name)?.strip_prefix('-'));
    date.is_some_and(|date| !date.is_empty() && date.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(system_id: &str, timeline: u32) -> Remembered {
        let system_id = system_id.to_string();
        Remembered { system_id, timeline }
    }

    fn keepers(state_dir: &Path) -> Keepers {
        Keepers {
            state_dir: state_dir.into(),
            wal: None,
        }
    }

    #[test]
    fn a_database_is_remembered_and_a_damaged_memory_is_none_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = keepers(dir.path());
        assert_eq!(read(&at).unwrap(), None);
        assert_eq!(keep(&at, &database("7", 1)).unwrap(), None);
        assert_eq!(keep(&at, &database("7", 1)).unwrap(), None);
        assert_eq!(read(&at).unwrap(), Some(database("7", 1)));
        assert_eq!(keep(&at, &database("8", 1)).unwrap(), Some("7".into()));
        for damage in ["", "{", "7", "\0\0"] {
            std::fs::write(at.state_dir.join("database"), damage).unwrap();
            assert!(read(&at).unwrap_err().to_string().contains("database"), "{damage:?}");
        }
        assert_eq!(keep(&at, &database("8", 1)).unwrap(), None);
        forget(&at).unwrap();
        forget(&at).unwrap();
        assert_eq!(read(&at).unwrap(), None);
    }

    #[test]
    fn the_newest_timeline_is_remembered_and_a_record_of_an_older_agent_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = keepers(dir.path());
        raise(&at, &database("7", 2)).unwrap();
        assert_eq!(read(&at).unwrap(), None, "what never ran is not remembered");
        std::fs::write(at.state_dir.join("database"), r#"{"systemId":"7"}"#).unwrap();
        assert_eq!(read(&at).unwrap(), Some(database("7", 0)));
        for (given, kept) in [
            (database("7", 2), database("7", 2)),
            (database("7", 1), database("7", 2)),
            (database("8", 3), database("7", 2)),
        ] {
            raise(&at, &given).unwrap();
            assert_eq!(read(&at).unwrap(), Some(kept));
        }
        keep(&at, &database("7", 0)).unwrap();
        assert_eq!(read(&at).unwrap(), Some(database("7", 2)), "not known is no older one");
        keep(&at, &database("7", 1)).unwrap();
        assert_eq!(
            read(&at).unwrap(),
            Some(database("7", 1)),
            "an older copy took its place"
        );
        keep(&at, &database("8", 0)).unwrap();
        assert_eq!(read(&at).unwrap(), Some(database("8", 0)));
    }

    #[test]
    fn the_second_volume_remembers_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let at = Keepers {
            wal: Some(dir.path().join("wal")),
            ..keepers(dir.path())
        };
        std::fs::create_dir(dir.path().join("wal")).unwrap();
        keep(&at, &database("7", 1)).unwrap();
        raise(&at, &database("7", 2)).unwrap();
        std::fs::remove_file(at.state_dir.join("database")).unwrap();
        assert_eq!(read(&at).unwrap(), Some(database("7", 2)));
        forget(&at).unwrap();
        assert_eq!(read(&at).unwrap(), None);

        let data = dir.path().join("gpseg0");
        let logs = || logs_of(&data, &at).unwrap();
        for empty in ["wal/gpseg0-1796000000", "wal/gpseg0-1796000001.aside-1", "wal/gpseg1-1"] {
            std::fs::create_dir(dir.path().join(empty)).unwrap();
        }
        std::fs::write(dir.path().join("wal/gpseg1-1/000000010000000000000001"), "x").unwrap();
        assert_eq!(logs(), Vec::<String>::new());
        std::fs::write(dir.path().join("wal/gpseg0-1796000000/000000010000000000000001"), "x").unwrap();
        assert_eq!(logs(), [dir.path().join("wal/gpseg0-1796000000").display().to_string()]);
    }

    #[test]
    fn the_log_of_an_attempt_that_was_broken_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let wal = dir.path().join("wal");
        let at = Keepers {
            wal: Some(wal.clone()),
            ..keepers(dir.path())
        };
        let log = wal.join("gpseg0-1796000000");
        attempt::begin(
            &at.state_dir,
            &dir.path().join("gpseg0.making"),
            std::slice::from_ref(&log),
        )
        .unwrap();
        std::fs::write(log.join("000000010000000000000001"), "x").unwrap();
        assert_eq!(logs_of(&dir.path().join("gpseg0"), &at).unwrap(), Vec::<String>::new());
    }
}
