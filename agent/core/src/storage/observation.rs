//! What is seen of a volume; how it is seen is the business of `sys::storage`.

use crate::cluster::volume::{Space, VolumePurpose};
use std::path::PathBuf;
use std::time::Duration;

/// What was seen of a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The directory that was asked about.
    pub path: PathBuf,
    /// What it is for.
    pub purpose: VolumePurpose,
    /// What it is on.
    pub file_system: FileSystem,
    /// Whom the directory belongs to.
    pub owner: Owner,
    /// Room on it.
    pub space: Space,
    /// What the kernel says about direct I/O on a file there.
    pub alignment: Alignment,
    /// What became of one block, written and read back with O_DIRECT.
    pub direct_io: DirectIo,
    /// Whether one byte could be written with O_DIRECT: a disk refuses it, memory does not. `None` where O_DIRECT failed.
    pub takes_single_bytes: Option<bool>,
    /// How long a small write takes to become durable.
    pub fsync: Latency,
}

/// The file system below a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// `f_type` of statfs(2).
    pub magic: u64,
    /// Its name, such as `ext4`.
    pub kind: String,
    /// What is mounted, such as `/dev/sdb`; empty where unknown.
    pub source: String,
    /// Where it is mounted; `/` means that no volume is.
    pub mount_point: PathBuf,
    /// The kernel's name of the block device, such as `sdb` or `zram0`.
    pub device: Option<String>,
    /// `st_dev`: two directories with the same are on the same file system.
    pub device_number: u64,
}

/// Whom a directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// STATX_DIOALIGN of statx(2), Linux 6.1 and later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// The kernel or the file system does not say.
    Unknown,
    /// No direct I/O on this file.
    Unsupported,
    /// Direct I/O, with these alignments in bytes.
    Bytes {
        /// Of the buffer in memory.
        memory: u32,
        /// Of the offset and length in the file.
        offset: u32,
    },
}

/// What became of the O_DIRECT trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectIo {
    /// The block was read back as it was written.
    Works,
    /// It went wrong.
    Failed {
        /// `open`, `write`, `fsync`, `read` or `compare`.
        step: &'static str,
        /// The system's words for it.
        error: String,
    },
}

/// Latency of 8 KiB overwritten and made durable with fdatasync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Median.
    pub p50: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// How many were measured.
    pub samples: usize,
}

impl Latency {
    /// Median and 99th percentile (nearest rank) of measured durations; zero of none.
    pub fn of(mut samples: Vec<Duration>) -> Latency {
        samples.sort_unstable();
        let n = samples.len();
        let rank = |percent: usize| {
            let index = (n * percent).div_ceil(100).saturating_sub(1);
            samples.get(index).copied().unwrap_or_default()
        };
        Latency {
            p50: rank(50),
            p99: rank(99),
            samples: n,
        }
    }
}
