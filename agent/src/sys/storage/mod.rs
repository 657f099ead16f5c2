//! The volume: what it is, and whether it keeps what is written to it. Judging that is the core's business.
//!
//! Everything here blocks, a hung disk for ever: call it from a thread that may wait.

pub(crate) mod answer;
pub(crate) mod document;
mod error;
pub(crate) mod fs;
pub(crate) mod fts_probe;
pub(crate) mod leftovers;
pub(crate) mod log_directory;
pub(crate) mod queue;
mod write_probe;

pub use error::StorageError;
use gp_agent_core::cluster::volume::{Space, VolumePurpose};

use error::{Failure, Volume};
use gp_agent_core::storage::mountinfo;
use gp_agent_core::storage::{Alignment, FileSystem, Observation, Owner, filesystems};
use rustix::fs::{
    AtFlags, CWD, FsWord, StatVfs, StatVfsMountFlags, Statx, StatxFlags, fstatvfs, statfs, statvfs, statx,
};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use write_probe::{PROBE_PREFIX, Probe};

/// STATX_DIOALIGN of `linux/stat.h`: alignments for direct I/O (Linux 6.1).
const STATX_DIOALIGN: StatxFlags = StatxFlags::from_bits_retain(0x2000);

/// Looks at the volume at `path` and tries it: a block with O_DIRECT as Greenplum's FTS does, and a short run of fdatasync
/// (two seconds at most, however slow the disk). `purpose` is carried along.
///
/// Nothing is left behind, also after a failure; what a killed run could not remove, the next one does.
///
/// # Errors
/// When the directory cannot be used at all: missing, not a directory, not ours, read-only, full, or failing.
pub fn prove(path: &Path, purpose: VolumePurpose) -> Result<Observation, StorageError> {
    let volume = examine(path)?;
    let fails = |failure: Failure| StorageError::of(path, failure, &volume);
    remove_stale_probes(path).map_err(|e| fails(Failure::new("list", e)))?;
    let probe = Probe::create(path).map_err(fails)?;
    probe.write_and_sync().map_err(fails)?;
    let (direct_io, takes_single_bytes) = probe.try_direct_io().map_err(fails)?;
    let alignment = alignment(probe.file());
    let fsync = probe.measure_fsync().map_err(fails)?;
    let space = space(probe.file()).map_err(|e| fails(Failure::new("statvfs", e)))?;
    let file_system = file_system(path, &volume.metadata).map_err(|e| fails(Failure::new("statfs", e)))?;
    Ok(Observation {
        path: path.to_path_buf(),
        purpose,
        file_system,
        owner: volume.owner(),
        space,
        alignment,
        direct_io,
        takes_single_bytes,
        fsync,
    })
}

/// Whether two directories are on the same file system (`st_dev`), so that one proof is enough for both.
///
/// # Errors
/// When one of them is missing or no directory.
pub fn same_device(one: &Path, other: &Path) -> Result<bool, StorageError> {
    Ok(examine(one)?.metadata.dev() == examine(other)?.metadata.dev())
}

/// Proves the data volume, and the write-ahead log's where it is another file system.
pub fn prove_all(data: &Path, wal: Option<&Path>) -> Vec<Result<Observation, StorageError>> {
    let mut proofs = vec![prove(data, VolumePurpose::Data)];
    if let Some(wal) = wal
        && !same_device(data, wal).unwrap_or(false)
    {
        proofs.push(prove(wal, VolumePurpose::Wal));
    }
    proofs
}

/// The size of `/dev/shm` in bytes; `None` where there is none.
pub(crate) fn shm_bytes() -> Option<u64> {
    mounted_bytes(Path::new("/dev/shm"))
}

fn mounted_bytes(path: &Path) -> Option<u64> {
    let stat = statvfs(path).ok()?;
    // A tmpfs without a limit says zero.
    match stat.f_blocks.saturating_mul(stat.f_frsize) {
        0 => Some(u64::MAX),
        bytes => Some(bytes),
    }
}

/// The directory as it is before anything is tried.
fn examine(path: &Path) -> Result<Volume, StorageError> {
    let metadata = std::fs::metadata(path).map_err(|e| StorageError::of_missing(path, e))?;
    if !metadata.is_dir() {
        return Err(StorageError::NotADirectory { path: path.into() });
    }
    let is_read_only = statvfs(path).is_ok_and(|s| s.f_flag.contains(StatVfsMountFlags::RDONLY));
    if is_read_only {
        return Err(StorageError::ReadOnly { path: path.into() });
    }
    Ok(Volume { metadata })
}

impl Volume {
    fn owner(&self) -> Owner {
        Owner {
            uid: self.metadata.uid(),
            gid: self.metadata.gid(),
            mode: self.metadata.mode() & 0o7777,
        }
    }
}

/// Removes probe files of runs that were killed.
fn remove_stale_probes(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_probe = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PROBE_PREFIX.as_bytes());
        if is_probe && entry.file_type()?.is_file() {
            match std::fs::remove_file(entry.path()) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}

fn file_system(path: &Path, metadata: &Metadata) -> io::Result<FileSystem> {
    let magic = unsigned(statfs(path)?.f_type);
    // Of this thread: it may be in a mount namespace of its own.
    let mounts = std::fs::read("/proc/thread-self/mountinfo")
        .map(|table| mountinfo::parse(&table))
        .unwrap_or_default();
    let real = std::fs::canonicalize(path)?;
    let mount = mountinfo::find(&mounts, mount_id(path), &real);
    Ok(FileSystem {
        magic,
        kind: mount.map_or_else(|| filesystems::name(magic), |m| m.kind.clone()),
        source: mount.map_or_else(String::new, |m| m.source.clone()),
        mount_point: mount.map_or(real, |m| m.point.clone()),
        device: block_device(metadata.dev()).or_else(|| source_device(&mount?.source)),
        device_number: metadata.dev(),
    })
}

/// The type of `f_type` differs between architectures; the kernel's magic numbers have 32 bits.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "its type is signed on some architectures"
)]
fn unsigned(f_type: FsWord) -> u64 {
    f_type as u64 & 0xFFFF_FFFF
}

fn mount_id(path: &Path) -> Option<u64> {
    let seen = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    has(&seen, StatxFlags::MNT_ID).then_some(seen.stx_mnt_id)
}

/// The kernel's name of the device a file system is on; none for tmpfs, overlay, btrfs and whatever has a number of no
/// device, or where /sys is not mounted.
fn block_device(device: u64) -> Option<String> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// The same from the mount table: `loop0` for `/dev/loop0`, `dm-1` for a link to it where /dev shows one.
fn source_device(source: &str) -> Option<String> {
    let source = Path::new(source).strip_prefix("/dev").ok()?;
    let path = Path::new("/dev").join(source);
    let real = std::fs::canonicalize(&path).unwrap_or(path);
    Some(real.file_name()?.to_string_lossy().into_owned())
}

fn space(file: &File) -> io::Result<Space> {
    Ok(space_of(&fstatvfs(file)?))
}

fn space_of(stat: &StatVfs) -> Space {
    Space {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        free_inodes: (stat.f_files > 0).then_some(stat.f_favail),
    }
}

fn alignment(file: &File) -> Alignment {
    let Ok(seen) = statx(file, c"", AtFlags::EMPTY_PATH, STATX_DIOALIGN) else {
        return Alignment::Unknown;
    };
    match (
        has(&seen, STATX_DIOALIGN),
        seen.stx_dio_mem_align,
        seen.stx_dio_offset_align,
    ) {
        (false, _, _) => Alignment::Unknown,
        (true, 0, _) | (true, _, 0) => Alignment::Unsupported,
        (true, memory, offset) => Alignment::Bytes { memory, offset },
    }
}

fn has(seen: &Statx, flag: StatxFlags) -> bool {
    seen.stx_mask & flag.bits() != 0
}
