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
    /// Free bytes for this user.
    pub free_bytes: u64,
}

impl VolumeFacts {
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
            free_bytes: self.free_bytes,
        }
    }
}
