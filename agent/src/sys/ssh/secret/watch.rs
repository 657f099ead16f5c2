//! Noticing that a Secret changed, on every kind of mount: by asking for the metadata of its files again and again.
//!
//! kubelet swaps the symbolic link `..data` (then device and inode of the resolved files change), a person replaces a file or
//! writes into it (size, mtime, ctime). inotify would miss the first through a subPath or an NFS mount; a handful of stat
//! calls a second misses nothing.

use super::file_names::every_file;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// No key is near this size.
const LARGEST: u64 = 64 * 1024;

/// How often a Secret is read again when it changes under the reader.
const ATTEMPTS: usize = 5;

/// One file of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct RawFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The mode of the file that the name leads to.
    pub mode: u32,
}

/// Why a file of the Secret could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum FileError {
    #[error("not a regular file")]
    NotRegular,
    #[error("{0} bytes are too many for a key")]
    TooLarge(u64),
    /// As the system says; an [`io::Error`] cannot be compared with the one of the last reading.
    #[error("{words}")]
    System { kind: io::ErrorKind, words: String },
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        FileError::System {
            kind: error.kind(),
            words: error.to_string(),
        }
    }
}

/// The files of a Secret that have one of the known names, as they were at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct RawSecret {
    pub(super) directory: PathBuf,
    /// Why the directory cannot be used, if so.
    pub(super) missing: Option<String>,
    /// By name; or why one could not be read.
    pub(super) files: BTreeMap<&'static str, Result<RawFile, FileError>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    identity: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    mode: u32,
}

type Stamps = BTreeMap<&'static str, Result<Stamp, io::ErrorKind>>;

/// Watches one directory. Its calls block for as long as the mount does.
pub(crate) struct SecretWatch {
    directory: PathBuf,
    stamps: Option<Stamps>,
    last: Option<RawSecret>,
    /// A change in the same tick of the kernel's coarse clock as our reading leaves no trace in the metadata: read once more.
    again: bool,
}

impl SecretWatch {
    /// Nothing is read yet.
    pub(crate) fn new(directory: &Path) -> SecretWatch {
        SecretWatch {
            directory: directory.to_path_buf(),
            stamps: None,
            last: None,
            again: false,
        }
    }

    /// The contents, when they differ from those of the last call (the first call always answers).
    pub(crate) fn poll(&mut self) -> Option<RawSecret> {
        let stamps = self.stamps();
        let moved = self.stamps.as_ref() != Some(&stamps);
        if !moved && !self.again {
            return None;
        }
        self.again = moved;
        let (raw, stamps) = self.read(stamps);
        self.stamps = Some(stamps);
        if self.last.as_ref() == Some(&raw) {
            return None;
        }
        self.last = Some(raw.clone());
        Some(raw)
    }

    fn stamps(&self) -> Stamps {
        let directory = ("", stamp(&self.directory));
        every_file()
            .map(|name| (name, stamp(&self.directory.join(name))))
            .chain([directory])
            .collect()
    }

    /// Reads all files, again when one changed meanwhile: halves of two key pairs must not meet.
    fn read(&self, mut before: Stamps) -> (RawSecret, Stamps) {
        let mut attempt = 1;
        loop {
            let raw = RawSecret::read(&self.directory);
            let after = self.stamps();
            if after == before || attempt == ATTEMPTS {
                return (raw, after);
            }
            before = after;
            attempt += 1;
        }
    }
}

fn stamp(path: &Path) -> Result<Stamp, io::ErrorKind> {
    let m = fs::metadata(path).map_err(|error| error.kind())?;
    Ok(Stamp {
        identity: (m.dev(), m.ino()),
        modified: (m.mtime(), m.mtime_nsec()),
        changed: (m.ctime(), m.ctime_nsec()),
        size: m.size(),
        mode: m.mode(),
    })
}

impl RawSecret {
    /// Reads the directory as it is now.
    pub fn read(directory: &Path) -> RawSecret {
        let missing = match fs::metadata(directory) {
            Ok(m) if m.is_dir() => None,
            Ok(_) => Some("is not a directory".to_string()),
            Err(error) => Some(format!("cannot be opened: {error}")),
        };
        let files = every_file()
            .filter_map(|name| match read_file(&directory.join(name)) {
                Ok(file) => Some((name, Ok(file))),
                Err(FileError::System {
                    kind: io::ErrorKind::NotFound | io::ErrorKind::NotADirectory,
                    ..
                }) => None,
                Err(error) => Some((name, Err(error))),
            })
            .collect();
        RawSecret {
            directory: directory.to_path_buf(),
            missing,
            files,
        }
    }
}

fn read_file(path: &Path) -> Result<RawFile, FileError> {
    // Asked before opening, since opening a pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    if metadata.len() > LARGEST {
        return Err(FileError::TooLarge(metadata.len()));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(RawFile {
        bytes,
        mode: metadata.mode(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn settle(watch: &mut SecretWatch) {
        while watch.poll().is_some() || watch.again {}
    }

    fn content(raw: &RawSecret) -> Option<&[u8]> {
        Some(&raw.files.get("id_rsa")?.as_ref().ok()?.bytes)
    }

    #[test]
    fn every_kind_of_change_is_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        let mut watch = SecretWatch::new(&secret);
        assert!(watch.poll().unwrap().missing.is_some());
        settle(&mut watch);

        for version in ["..1", "..2"] {
            fs::create_dir_all(secret.join(version)).unwrap();
            fs::write(secret.join(version).join("id_rsa"), version).unwrap();
        }
        symlink("..1", secret.join("..data")).unwrap();
        symlink("..data/id_rsa", secret.join("id_rsa")).unwrap();
        assert_eq!(content(&watch.poll().unwrap()), Some(&b"..1"[..]));
        settle(&mut watch);

        symlink("..2", secret.join("..tmp")).unwrap();
        fs::rename(secret.join("..tmp"), secret.join("..data")).unwrap();
        assert_eq!(content(&watch.poll().unwrap()), Some(&b"..2"[..]));
        settle(&mut watch);

        fs::write(secret.join("new"), "..3").unwrap();
        fs::rename(secret.join("new"), secret.join("id_rsa")).unwrap();
        assert_eq!(content(&watch.poll().unwrap()), Some(&b"..3"[..]));
        settle(&mut watch);

        fs::write(secret.join("id_rsa"), "in place").unwrap();
        assert_eq!(content(&watch.poll().unwrap()), Some(&b"in place"[..]));
        settle(&mut watch);

        fs::remove_file(secret.join("id_rsa")).unwrap();
        assert!(watch.poll().unwrap().files.is_empty());
        settle(&mut watch);
        assert!(watch.poll().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_said_in_words() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("id_rsa")).unwrap();
        fs::write(dir.path().join("id_ecdsa"), vec![0; 70_000]).unwrap();
        let raw = RawSecret::read(dir.path());
        let words = |name| raw.files[name].as_ref().err().unwrap().clone();
        assert_eq!(words("id_rsa"), FileError::NotRegular);
        assert_eq!(words("id_ecdsa"), FileError::TooLarge(70_000));
        let not_a_directory = RawSecret::read(&dir.path().join("id_ecdsa"));
        assert!(not_a_directory.missing.is_some());
    }
}
