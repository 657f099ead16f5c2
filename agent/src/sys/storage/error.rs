//! Why a volume cannot be used at all.

use crate::sys::process::passwd::describe_uid;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::storage::Owner;
use rustix::io::Errno;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// A directory that has been looked at.
pub(super) struct Volume {
    pub(super) metadata: Metadata,
}

/// A step that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: &'static str,
    pub(super) source: io::Error,
}

impl Failure {
    pub(super) fn new(step: &'static str, source: impl Into<io::Error>) -> Failure {
        let source = source.into();
        Failure { step, source }
    }
}

/// Why a volume cannot be used at all.
#[derive(Debug)]
pub enum StorageError {
    /// There is nothing at that path.
    Missing {
        /// The volume.
        path: PathBuf,
    },
    /// There is something else.
    NotADirectory {
        /// The volume.
        path: PathBuf,
    },
    /// We may not write there (EACCES, EPERM).
    Forbidden {
        /// The volume.
        path: PathBuf,
        /// Whom it belongs to, where that could be seen.
        owner: Option<Owner>,
        /// Our effective user id.
        uid: u32,
        /// Our effective group id and the supplementary ones.
        groups: Vec<u32>,
    },
    /// It is mounted read-only, or the kernel made it so after an error (EROFS).
    ReadOnly {
        /// The volume.
        path: PathBuf,
    },
    /// No space or no inode is left (ENOSPC).
    Full {
        /// The volume.
        path: PathBuf,
    },
    /// Our quota is used up (EDQUOT).
    OverQuota {
        /// The volume.
        path: PathBuf,
    },
    /// Anything else, such as EIO.
    Failed {
        /// The volume.
        path: PathBuf,
        /// What was tried: `create`, `write`, `fsync`, `read`, ...
        step: &'static str,
        /// What happened.
        source: io::Error,
    },
}

impl StorageError {
    /// From the failure of the first look at a path.
    pub(super) fn of_missing(path: &Path, source: io::Error) -> StorageError {
        let path_buf = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => StorageError::Missing { path: path_buf },
            io::ErrorKind::NotADirectory => StorageError::NotADirectory { path: path_buf },
            io::ErrorKind::PermissionDenied => Self::forbidden(path, None),
            _ => StorageError::Failed {
                path: path_buf,
                step: "stat",
                source,
            },
        }
    }

    /// From a step that failed.
    pub(super) fn of(path: &Path, failure: Failure, volume: &Volume) -> StorageError {
        let Failure { step, source } = failure;
        let path_buf = path.to_path_buf();
        match Errno::from_io_error(&source) {
            Some(Errno::ACCESS | Errno::PERM) => Self::forbidden(path, Some(volume.owner())),
            Some(Errno::ROFS) => StorageError::ReadOnly { path: path_buf },
            Some(Errno::NOSPC) => StorageError::Full { path: path_buf },
            Some(Errno::DQUOT) => StorageError::OverQuota { path: path_buf },
            _ => StorageError::Failed {
                path: path_buf,
                step,
                source,
            },
        }
    }

    fn forbidden(path: &Path, owner: Option<Owner>) -> StorageError {
        let mut groups = vec![rustix::process::getegid().as_raw()];
        let more = rustix::process::getgroups().unwrap_or_default();
        groups.extend(more.into_iter().map(|g| g.as_raw()));
        groups.sort_unstable();
        groups.dedup();
        StorageError::Forbidden {
            path: path.to_path_buf(),
            owner,
            uid: rustix::process::geteuid().as_raw(),
            groups,
        }
    }

    /// The volume.
    pub fn path(&self) -> &Path {
        match self {
            StorageError::Missing { path }
            | StorageError::NotADirectory { path }
            | StorageError::Forbidden { path, .. }
            | StorageError::ReadOnly { path }
            | StorageError::Full { path }
            | StorageError::OverQuota { path }
            | StorageError::Failed { path, .. } => path,
        }
    }

    /// The same, for status and metrics.
    pub fn finding(&self) -> Finding {
        let subject = self.path().display().to_string();
        Finding::error(Area::Storage, subject, self.what(), self.remedy())
    }

    fn what(&self) -> String {
        match self {
            StorageError::Missing { .. } => "there is no such directory".into(),
            StorageError::NotADirectory { .. } => "this is not a directory".into(),
            StorageError::Forbidden { owner, uid, groups, .. } => forbidden_in_words(*owner, *uid, groups),
            StorageError::ReadOnly { .. } => "the volume is mounted read-only".into(),
            StorageError::Full { .. } => "the volume is full (no space or no inode left)".into(),
            StorageError::OverQuota { .. } => "this user's quota on the volume is used up".into(),
            StorageError::Failed { step, source, .. } => {
                format!("writing a probe file failed ({step}: {source})")
            }
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            StorageError::Missing { .. } => "mount the volume there, or set storage.path to where it is mounted",
            StorageError::NotADirectory { .. } => "set storage.path to the directory where the volume is mounted",
            StorageError::Forbidden { .. } => {
                "give the directory to that user (chown), or in Kubernetes set securityContext.fsGroup to one of its groups"
            }
            StorageError::ReadOnly { .. } => {
                "mount it read-write; where the kernel remounted it after an error, its log (dmesg) says why"
            }
            StorageError::Full { .. } => "enlarge the volume, or free some space on it",
            StorageError::OverQuota { .. } => "raise the quota, or free some space on the volume",
            StorageError::Failed { .. } => {
                "check the disk and the kernel's log (dmesg); a disk that fails here would lose data"
            }
        }
    }
}

fn forbidden_in_words(owner: Option<Owner>, uid: u32, groups: &[u32]) -> String {
    let us = describe_uid(uid);
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let groups = groups.join(", ");
    match owner {
        Some(owner) => format!(
            "it belongs to {}, group {}, mode {:04o}, and {us} with groups {groups}, the user of this container, may not \
             write there",
            describe_uid(owner.uid),
            owner.gid,
            owner.mode
        ),
        None => format!(
            "{us} with groups {groups}, the user of this container, may not even look at it: a directory above it is closed"
        ),
    }
}

impl std::fmt::Display for StorageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path().display();
        write!(f, "volume {path}: {}; {}", self.what(), self.remedy())
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StorageError::Failed { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errno: Errno) -> StorageError {
        let metadata = std::fs::metadata("/").unwrap();
        let failure = Failure::new("write", errno);
        StorageError::of(Path::new("/greenplum"), failure, &Volume { metadata })
    }

    #[test]
    fn causes_are_told_apart() {
        for (errno, word, remedy) in [
            (Errno::NOSPC, "full", "enlarge"),
            (Errno::DQUOT, "quota", "raise the quota"),
            (Errno::ROFS, "read-only", "dmesg"),
            (Errno::ACCESS, "belongs to root (uid 0)", "fsGroup"),
            (Errno::PERM, "belongs to root (uid 0)", "fsGroup"),
            (Errno::IO, "(write: Input/output error", "dmesg"),
        ] {
            let error = of(errno);
            let text = error.to_string();
            assert!(text.starts_with("volume /greenplum: "), "{text}");
            assert!(text.contains(word) && text.contains(remedy), "{text}");
            let finding = error.finding();
            assert_eq!(finding.subject, "/greenplum");
            assert!(text.contains(&finding.what) && text.contains(&finding.remedy));
        }
    }

    #[test]
    fn a_closed_directory_above_is_told() {
        let closed = StorageError::of_missing(Path::new("/a/b"), Errno::ACCESS.into());
        assert!(closed.to_string().contains("above it is closed"));
        let file = StorageError::of_missing(Path::new("/a/b"), Errno::NOTDIR.into());
        assert!(matches!(file, StorageError::NotADirectory { .. }));
    }
}
