//! What the volume remembers of a directory that is left behind, so that an agent that is killed in the midst of it is gone on
//! after: which directory makes room, and under which name. Only what stands there is ever removed, and only as long as it is the
//! same.

use crate::sys::storage::document;
use crate::sys::storage::fs::{next_aside, remove_if_there, set_aside_as};
use gp_agent_core::postgres::wal_name::WalName;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory, known by more than its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    inode: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The segment that was needed and is nowhere any more.
    needs: String,
    /// The data directory, under the name that it gets when it makes room.
    inode: u64,
    aside: Option<PathBuf>,
    /// Its write-ahead log, on a volume of its own.
    wal: Option<Folder>,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("left-behind")
}

fn inode(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.ino())
}

/// Whether anything is remembered.
pub(crate) fn is_there(state_dir: &Path) -> bool {
    file(state_dir).exists()
}

/// The directory `dir` needs that segment: it is to make room for a copy.
///
/// # Errors
/// The volume does not take it.
pub(crate) fn want(state_dir: &Path, dir: &Path, needs: WalName) -> io::Result<()> {
    let mark = Mark {
        needs: needs.to_string(),
        inode: inode(dir)?,
        aside: None,
        wal: None,
    };
    document::keep(&file(state_dir), &mark)
}

/// The segment that the directory `dir` needs, when it is to make room. Of another directory, which somebody put in its place, the
/// volume remembers nothing; a damaged memory is none.
pub(crate) fn wanted(state_dir: &Path, dir: &Path) -> Option<WalName> {
    let mark = read(state_dir)?;
    let same = inode(dir).is_ok_and(|inode| inode == mark.inode);
    WalName::parse(&mark.needs).filter(|_| same)
}

fn read(state_dir: &Path) -> Option<Mark> {
    document::read(&file(state_dir)).ok().flatten()
}

/// Sets the directory aside, with its write-ahead log where that is in a directory on `wal_volume`. Its new name is written down
/// first.
///
/// # Errors
/// It is where it was; or it is no longer the one that was meant.
pub(crate) fn set_aside(state_dir: &Path, dir: &Path, wal_volume: Option<&Path>) -> io::Result<PathBuf> {
    let mark = read(state_dir).filter(|mark| inode(dir).is_ok_and(|inode| inode == mark.inode));
    let mark = mark.ok_or_else(|| io::Error::other(format!("{} was replaced just now", dir.display())))?;
    let aside = next_aside(dir)?;
    let wal = wal_of(dir).filter(|wal| wal.parent() == wal_volume);
    let wal = wal.and_then(|path| inode(&path).ok().map(|inode| Folder { path, inode }));
    let mark = Mark {
        aside: Some(aside.clone()),
        wal,
        ..mark
    };
    document::keep(&file(state_dir), &mark)?;
    set_aside_as(dir, &aside)?;
    Ok(aside)
}

/// Where a link in the data directory leads.
fn wal_of(dir: &Path) -> Option<PathBuf> {
    let link = dir.join("pg_wal");
    link.is_symlink().then(|| std::fs::canonicalize(link).ok()).flatten()
}

/// A server streams on the directory `dir`: what made room for it goes, and the memory of it. Returns what went.
///
/// # Errors
/// Something cannot be removed; the next call goes on with it.
pub(crate) fn clear(state_dir: &Path, dir: &Path) -> io::Result<Option<PathBuf>> {
    let aside = read(state_dir).and_then(|mark| Some((mark.aside.clone()?, mark)));
    let gone = match aside {
        Some((path, mark)) => remove_old(dir, path, mark)?,
        None => None,
    };
    forget(state_dir)?;
    Ok(gone)
}

/// What was removed by hand, or is another directory by now, is left alone.
fn remove_old(dir: &Path, path: PathBuf, mark: Mark) -> io::Result<Option<PathBuf>> {
    let old = Folder {
        path,
        inode: mark.inode,
    };
    let is_old = is_same(&old) && old.path != dir && inode(dir)? != old.inode;
    if !is_old {
        return Ok(None);
    }
    let in_use = wal_of(dir);
    if let Some(wal) = mark
        .wal
        .filter(|wal| is_same(wal) && Some(&wal.path) != in_use.as_ref())
    {
        std::fs::remove_dir_all(&wal.path)?;
    }
    // It goes last: with it goes the proof.
    std::fs::remove_dir_all(&old.path)?;
    Ok(Some(old.path))
}

fn is_same(folder: &Folder) -> bool {
    std::fs::symlink_metadata(&folder.path).is_ok_and(|now| now.is_dir() && now.ino() == folder.inode)
}

/// Nothing is to make room.
///
/// # Errors
/// The volume does not take it.
pub(crate) fn forget(state_dir: &Path) -> io::Result<()> {
    remove_if_there(&file(state_dir)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Volume {
        base: tempfile::TempDir,
    }

    impl Volume {
        fn new() -> Volume {
            let base = tempfile::tempdir().unwrap();
            let volume = Volume { base };
            for dir in ["state", "d", "wal/d-1"] {
                fs::create_dir_all(volume.path(dir)).unwrap();
            }
            fs::write(volume.path("d/PG_VERSION"), "15").unwrap();
            symlink(volume.path("wal/d-1"), volume.path("d/pg_wal")).unwrap();
            volume
        }

        fn path(&self, name: &str) -> PathBuf {
            self.base.path().join(name)
        }

        fn want(&self) {
            want(&self.path("state"), &self.path("d"), needs()).unwrap();
        }

        fn wanted(&self) -> Option<WalName> {
            wanted(&self.path("state"), &self.path("d"))
        }

        fn set_aside(&self) -> PathBuf {
            set_aside(&self.path("state"), &self.path("d"), Some(&self.path("wal"))).unwrap()
        }

        /// The copy is there.
        fn copied(&self) {
            fs::create_dir_all(self.path("wal/d-2")).unwrap();
            fs::create_dir(self.path("d")).unwrap();
            symlink(self.path("wal/d-2"), self.path("d/pg_wal")).unwrap();
        }

        fn clear(&self) -> Option<PathBuf> {
            clear(&self.path("state"), &self.path("d")).unwrap()
        }
    }

    fn needs() -> WalName {
        WalName::parse("000000010000000000000003").unwrap()
    }

    #[test]
    fn what_made_room_goes_once_the_copy_streams_and_no_more() {
        let volume = Volume::new();
        fs::create_dir(volume.path("d.aside-1")).unwrap();
        assert_eq!(volume.wanted(), None);
        volume.want();
        assert_eq!(volume.wanted(), Some(needs()));
        let aside = volume.set_aside();
        assert!(aside.join("PG_VERSION").exists() && !volume.path("d").exists());
        assert_eq!(volume.wanted(), None);
        volume.copied();
        assert_eq!(volume.wanted(), None, "the copy is whole");
        assert_eq!(volume.clear(), Some(aside.clone()));
        assert!(!aside.exists() && !volume.path("wal/d-1").exists());
        for kept in ["d", "wal/d-2", "d.aside-1"] {
            assert!(volume.path(kept).exists(), "{kept}");
        }
        assert!(!volume.path("state/left-behind").exists());
        assert_eq!(volume.clear(), None);
    }

    /// Killed after the name was written down and before it was given, it is done again.
    #[test]
    fn a_name_that_was_not_given_yet_is_chosen_anew() {
        let volume = Volume::new();
        volume.want();
        let aside = volume.set_aside();
        fs::rename(&aside, volume.path("d")).unwrap();
        assert_eq!(volume.wanted(), Some(needs()));
        let aside = volume.set_aside();
        volume.copied();
        assert_eq!(volume.clear(), Some(aside));
    }

    #[test]
    fn without_proof_nothing_goes() {
        let spoil: [fn(&Volume, &Path); 4] = [
            |v, _| fs::write(v.path("state/left-behind"), "{").unwrap(),
            |v, _| fs::remove_file(v.path("state/left-behind")).unwrap(),
            // Somebody took it away, and something else has its name.
            |v, aside| {
                fs::rename(aside, v.path("elsewhere")).unwrap();
                fs::create_dir(aside).unwrap();
            },
            // Somebody put it back.
            |v, aside| {
                fs::remove_dir_all(v.path("d")).unwrap();
                fs::rename(aside, v.path("d")).unwrap();
                symlink("d", aside).unwrap();
            },
        ];
        for (i, spoil) in spoil.iter().enumerate() {
            let volume = Volume::new();
            volume.want();
            let aside = volume.set_aside();
            volume.copied();
            spoil(&volume, &aside);
            assert_eq!(volume.clear(), None, "{i}");
            assert!(fs::symlink_metadata(&aside).is_ok(), "{i}");
            for kept in ["d", "wal/d-1", "wal/d-2"] {
                assert!(volume.path(kept).exists(), "{i}: {kept}");
            }
        }
    }

    #[test]
    fn a_directory_in_its_place_does_not_make_room() {
        let volume = Volume::new();
        volume.want();
        fs::rename(volume.path("d"), volume.path("d.old")).unwrap();
        volume.copied();
        assert_eq!(volume.wanted(), None);
        let error = set_aside(&volume.path("state"), &volume.path("d"), None).unwrap_err();
        assert!(error.to_string().contains("was replaced"), "{error}");
        assert!(volume.path("d").exists());
        assert_eq!(volume.clear(), None);
        assert!(volume.path("d.old").exists());
    }
}
