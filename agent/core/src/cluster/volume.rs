//! A volume as the pod knows it.

use super::status::StorageStatus;

/// What a volume is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumePurpose {
    /// The data directory.
    Data,
    /// The write-ahead log, where it has a volume of its own.
    Wal,
}

impl VolumePurpose {
    /// Its word in documents, metrics and findings.
    pub fn as_str(self) -> &'static str {
        match self {
            VolumePurpose::Data => "data",
            VolumePurpose::Wal => "wal",
        }
    }
}

/// Room on a file system, for a user without privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it, bytes.
    pub total_bytes: u64,
    /// Free, bytes.
    pub free_bytes: u64,
    /// Files that can still be created; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
}

/// A volume as it answers now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRoom {
    /// Mount path.
    pub path: String,
    /// Room on it.
    pub space: Space,
    /// Whether it is mounted read-only, or the kernel made it so after an error.
    pub read_only: bool,
}

/// What a volume proved.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeFacts {
    /// Mount path.
    pub path: String,
    /// What it is for.
    pub purpose: VolumePurpose,
    /// File system kind, such as `ext4`.
    pub file_system: String,
    /// Whether a block written with O_DIRECT was read back.
    pub direct_io: bool,
    /// Whether it passes as durable.
    pub durable: bool,
    /// Median latency of write + fdatasync, seconds.
    pub fsync_p50_seconds: f64,
    /// 99th percentile of it, seconds.
    pub fsync_p99_seconds: f64,
    /// Room on it; as it was last seen.
    pub space: Space,
    /// Whether it has become read-only.
    pub read_only: bool,
}

impl VolumeFacts {
    /// The room on it.
    pub fn room(&self) -> VolumeRoom {
        VolumeRoom {
            path: self.path.clone(),
            space: self.space,
            read_only: self.read_only,
        }
    }

    /// The same for a status document.
    pub fn status(&self) -> StorageStatus {
        StorageStatus {
            path: self.path.clone(),
            purpose: self.purpose.as_str().to_string(),
            file_system: self.file_system.clone(),
            direct_io: self.direct_io,
            durable: self.durable,
            fsync_p50_seconds: self.fsync_p50_seconds,
            fsync_p99_seconds: self.fsync_p99_seconds,
            free_bytes: self.space.free_bytes,
            total_bytes: self.space.total_bytes,
            free_inodes: self.space.free_inodes,
            read_only: self.read_only,
        }
    }
}
