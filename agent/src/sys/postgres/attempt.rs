//! One attempt to make a data directory: what it may write into is made by the agent itself, and written down before a tool
//! begins. So what a killed attempt leaves is known for what it is, and is removed; whatever cannot be proven to be that
//! stays.

use crate::sys::storage::fs::{remove_if_there, write_atomically};
use anyhow::{Context, Result};
use gp_agent_core::postgres::standby::is_servers;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What a server leaves in a directory that was started, and pg_basebackup does not copy (basebackup.c).
const STARTED: [&str; 2] = ["postmaster.opts", "postmaster.pid"];

/// A directory of the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    inode: u64,
    /// It was there before, and empty: only what was put into it goes.
    found: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    making: Folder,
    /// Write-ahead log and tablespaces.
    beside: Vec<Folder>,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("making")
}

/// Makes the directories of an attempt and writes them down. `making` must not exist, those `beside` it are free.
///
/// # Errors
/// A directory cannot be made, or is not empty, or the record cannot be written.
pub(crate) fn begin(state_dir: &Path, making: &Path, beside: &[PathBuf]) -> Result<()> {
    let mut made = Vec::new();
    let written = begin_with(state_dir, making, beside, &mut made);
    if written.is_err() {
        // Empty as they are; one that is not is not ours.
        for folder in made.iter().rev().filter(|folder| !folder.found) {
            let _ = std::fs::remove_dir(&folder.path);
        }
    }
    written
}

fn begin_with(state_dir: &Path, making: &Path, beside: &[PathBuf], made: &mut Vec<Folder>) -> Result<()> {
    for path in [making].into_iter().chain(beside.iter().map(PathBuf::as_path)) {
        made.push(folder(path)?);
    }
    let Some((making, beside)) = made.split_first() else {
        return Ok(());
    };
    let record = Record {
        making: making.clone(),
        beside: beside.to_vec(),
    };
    let text = serde_json::to_vec(&record)?;
    write_atomically(&file(state_dir), &text, 0o600)?;
    Ok(())
}

fn folder(path: &Path) -> Result<Folder> {
    make(path).with_context(|| {
        format!(
            "cannot make {}; the volume that holds it has to be mounted in this pod too, and be writable",
            path.display()
        )
    })
}

fn make(path: &Path) -> io::Result<Folder> {
    let found = path.try_exists()?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    Ok(Folder {
        path: path.to_path_buf(),
        inode: std::fs::metadata(path)?.ino(),
        found,
    })
}

/// The attempt is over, and what it made has its name.
///
/// # Errors
/// The record cannot be removed.
pub(crate) fn finish(state_dir: &Path) -> io::Result<()> {
    remove_if_there(&file(state_dir)).map(drop)
}

/// Removes what an attempt left under the name `making`, when the record proves that it is that. Otherwise nothing is
/// touched.
///
/// # Errors
/// Something cannot be removed; the next call goes on with it.
pub(crate) fn discard(state_dir: &Path, making: &Path) -> Result<bool> {
    let Some(record) = read(state_dir) else {
        return Ok(false);
    };
    if record.making.path != making || !is_same(&record.making) || STARTED.iter().any(|f| making.join(f).exists()) {
        return Ok(false);
    }
    // The directory itself goes last: with it goes the proof.
    for folder in record.beside.iter().filter(|folder| is_same(folder)) {
        empty(folder).with_context(|| format!("cannot empty {}", folder.path.display()))?;
    }
    std::fs::remove_dir_all(making).with_context(|| format!("cannot remove {}", making.display()))?;
    finish(state_dir)?;
    Ok(true)
}

/// What an attempt made outside its directory, by the record; nothing when there is none.
pub(crate) fn beside(state_dir: &Path) -> Vec<PathBuf> {
    let beside = read(state_dir).map(|record| record.beside).unwrap_or_default();
    let made = beside.into_iter().filter(is_same);
    made.map(|folder| folder.path).collect()
}

/// A damaged record proves nothing.
fn read(state_dir: &Path) -> Option<Record> {
    let text = std::fs::read(file(state_dir)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn is_same(folder: &Folder) -> bool {
    std::fs::symlink_metadata(&folder.path).is_ok_and(|now| now.is_dir() && now.ino() == folder.inode)
}

/// Takes out what tools put there: in a directory that was there before only what has a server's name.
fn empty(folder: &Folder) -> io::Result<()> {
    if !folder.found {
        return std::fs::remove_dir_all(&folder.path);
    }
    for entry in std::fs::read_dir(&folder.path)? {
        let entry = entry?;
        if is_servers(entry.file_name().as_bytes()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Volume {
        base: tempfile::TempDir,
    }

    impl Volume {
        fn new() -> Volume {
            let base = tempfile::tempdir().unwrap();
            fs::create_dir(base.path().join("state")).unwrap();
            Volume { base }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.base.path().join(name)
        }

        /// An attempt that was killed.
        fn killed(&self) {
            fs::create_dir(self.path("ts")).unwrap();
            let beside = [self.path("wal"), self.path("ts"), self.path("far/ts")];
            begin(&self.path("state"), &self.path("d.making"), &beside).unwrap();
            fs::write(self.path("d.making/PG_VERSION"), "15").unwrap();
            fs::write(self.path("wal/000000010000000000000001"), "").unwrap();
            for ts in ["ts", "far/ts"] {
                fs::create_dir_all(self.path(ts).join("PG_15_202209061/5")).unwrap();
            }
        }

        fn discard(&self) -> bool {
            discard(&self.path("state"), &self.path("d.making")).unwrap()
        }
    }

    #[test]
    fn what_a_killed_attempt_left_goes_and_no_more() {
        let volume = Volume::new();
        volume.killed();
        fs::write(volume.path("ts/a person's"), "").unwrap();
        let made = ["wal", "ts", "far/ts"].map(|name| volume.path(name));
        assert_eq!(beside(&volume.path("state")), made);
        assert!(volume.discard());
        assert_eq!(beside(&volume.path("state")), Vec::<PathBuf>::new());
        for gone in ["d.making", "wal", "far/ts", "ts/PG_15_202209061", "state/making"] {
            assert!(!volume.path(gone).exists(), "{gone}");
        }
        assert!(volume.path("ts/a person's").exists());
        assert!(!volume.discard(), "nothing is left to do");
    }

    #[test]
    fn without_proof_nothing_goes() {
        let spoil: [fn(&Volume); 5] = [
            |v| fs::write(v.path("state/making"), "{").unwrap(),
            |v| fs::remove_file(v.path("state/making")).unwrap(),
            |v| fs::write(v.path("d.making/postmaster.opts"), "").unwrap(),
            // It was whole and has its name; the record is of before.
            |v| fs::rename(v.path("d.making"), v.path("d")).unwrap(),
            |v| {
                fs::rename(v.path("d.making"), v.path("elsewhere")).unwrap();
                fs::create_dir(v.path("d.making")).unwrap();
                fs::write(v.path("d.making/PG_VERSION"), "15").unwrap();
            },
        ];
        for (i, spoil) in spoil.iter().enumerate() {
            let volume = Volume::new();
            volume.killed();
            spoil(&volume);
            assert!(!volume.discard(), "{i}");
            for kept in [
                "wal/000000010000000000000001",
                "ts/PG_15_202209061",
                "far/ts/PG_15_202209061",
            ] {
                assert!(volume.path(kept).exists(), "{i}: {kept}");
            }
        }
    }

    #[test]
    fn an_attempt_that_cannot_begin_leaves_nothing() {
        let volume = Volume::new();
        fs::write(volume.path("file"), "").unwrap();
        let beside = [volume.path("wal"), volume.path("file/ts")];
        let error = begin(&volume.path("state"), &volume.path("d.making"), &beside).unwrap_err();
        assert!(
            error.to_string().contains("file/ts; the volume that holds it"),
            "{error}"
        );
        for gone in ["d.making", "wal", "state/making"] {
            assert!(!volume.path(gone).exists(), "{gone}");
        }
    }

    #[test]
    fn a_directory_beside_it_that_was_replaced_stays() {
        let volume = Volume::new();
        volume.killed();
        fs::rename(volume.path("far/ts"), volume.path("far/old")).unwrap();
        fs::create_dir_all(volume.path("far/ts/PG_15_202209061")).unwrap();
        assert!(volume.discard());
        assert!(volume.path("far/ts/PG_15_202209061").exists());
    }
}
