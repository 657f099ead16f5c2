//! Whether a volume is safe to keep a database on: the judgement; the observations are made elsewhere.
//!
//! Why it matters: Greenplum's fault tolerance service (FTS) writes and reads back one block with O_DIRECT in each primary's
//! data directory (`ftsmessagehandler.c`). Where that cannot work, older releases fail over for nothing and newer ones lose
//! their detector for hung disks. Since Linux 6.6 tmpfs accepts O_DIRECT, so that trial alone proves nothing.

pub mod filesystems;
pub mod fts_probe;
pub mod leftovers;
pub mod lock_holder;
pub mod mountinfo;
mod observation;
pub mod room;
#[cfg(test)]
mod tests;

pub use observation::{Alignment, DirectIo, FileSystem, Latency, Observation, Owner};

use crate::cluster::volume::VolumeFacts;
use crate::config::Require;
use crate::finding::{Area, Finding, Severity};
use filesystems::Class;
use std::path::Path;
use std::time::Duration;

/// Above this the 99th percentile of fdatasync is reported: every commit waits for at least one.
const SLOW_FSYNC: Duration = Duration::from_millis(100);

/// PostgreSQL's dynamic shared memory needs this much at the very least (it starts, parallel queries fail).
const SHM_ERROR: u64 = 16 << 20;

/// Docker and Kubernetes give 64 MiB, which parallel hash joins outgrow.
const SHM_WARNING: u64 = 128 << 20;

/// Judges a volume: what `/status` says of it, and what an administrator should know.
///
/// A finding is an error when `require` is not met, or less than `min_free_mib` MiB are free (0 for a database that exists
/// already: too little room must not keep it from starting). Everything else is a warning. How much room is left otherwise is
/// watched while the pod lives ([`room`]).
pub fn judge(seen: &Observation, require: Require, min_free_mib: u64) -> (VolumeFacts, Vec<Finding>) {
    let fs = &seen.file_system;
    let class = filesystems::classify(fs.magic, &fs.kind, fs.device.as_deref());
    let direct_io = seen.direct_io == DirectIo::Works;
    let keeps = matches!(
        class,
        Class::Disk | Class::Network | Class::PassThrough | Class::Unknown
    );
    let findings = [
        judge_kind(seen, class, require),
        judge_root(seen, class),
        judge_direct_io(seen, require),
        judge_alignment(seen, class),
        judge_space(seen, min_free_mib),
        judge_fsync(seen),
    ];
    let status = VolumeFacts {
        path: seen.path.display().to_string(),
        purpose: seen.purpose,
        file_system: fs.kind.clone(),
        direct_io,
        durable: keeps && direct_io,
        fsync_p50_seconds: seen.fsync.p50.as_secs_f64(),
        fsync_p99_seconds: seen.fsync.p99.as_secs_f64(),
        space: seen.space,
        read_only: false,
    };
    (status, findings.into_iter().flatten().collect())
}

fn finding(seen: &Observation, severity: Severity, what: String, remedy: &str) -> Finding {
    let subject = format!("{} ({})", seen.path.display(), seen.purpose.as_str());
    Finding::new(severity, Area::Storage, subject, what, remedy)
}

/// Error where the requirement asks for it, warning otherwise.
fn severity(is_required: bool) -> Severity {
    if is_required {
        Severity::Error
    } else {
        Severity::Warning
    }
}

/// `a tmpfs (tmpfs, mounted at /greenplum)`
fn what_is_there(fs: &FileSystem) -> String {
    let source = match fs.source.as_str() {
        "" => String::new(),
        source => format!("{source}, "),
    };
    let article = if fs.kind.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    let point = fs.mount_point.display();
    format!("{article} {} ({source}mounted at {point})", fs.kind)
}

const USE_A_DISK: &str = "mount a disk there: in Kubernetes a volumeClaimTemplate whose StorageClass provides block storage, \
     in Docker a named volume; only for throw-away clusters set storage.require to direct-io or any";

fn judge_kind(seen: &Observation, class: Class, require: Require) -> Option<Finding> {
    let there = what_is_there(&seen.file_system);
    let required = severity(require == Require::Durable);
    let (severity, what, remedy) = match class {
        Class::Disk => return None,
        Class::Memory => (
            required,
            format!(
                "this is {there}: it lives in memory, so the whole database is lost at a reboot, and Greenplum's check \
                 for hung disks (FTS, O_DIRECT) either fails over for nothing or proves nothing"
            ),
            USE_A_DISK,
        ),
        Class::Layer => (
            required,
            format!(
                "this is {there}: no volume but a layer of the container, so the whole database is lost with the \
                 container, and O_DIRECT there is up to the layer below"
            ),
            USE_A_DISK,
        ),
        Class::Share => (
            required,
            format!(
                "this is {there}: a share that does not keep PostgreSQL's promises on fsync, locks and permissions"
            ),
            USE_A_DISK,
        ),
        Class::Network if seen.file_system.kind.starts_with("nfs") => (
            Severity::Warning,
            format!(
                "this is {there}: a server that pauses stops the database, and commits may be lost with `soft` or `async`"
            ),
            "mount it `hard` and `sync` with NFSv4 and export it `sync`, or use block storage",
        ),
        Class::Network => return None,
        Class::PassThrough | Class::Unknown => (
            Severity::Warning,
            format!("this is {there}: whether it survives a reboot cannot be seen from inside the container"),
            "make sure that there is a disk behind it, or use block storage",
        ),
    };
    Some(finding(seen, severity, what, remedy))
}

fn judge_root(seen: &Observation, class: Class) -> Option<Finding> {
    let is_root = seen.file_system.mount_point == Path::new("/");
    (is_root && matches!(class, Class::Disk | Class::Network)).then(|| {
        finding(
            seen,
            Severity::Warning,
            "no volume is mounted here: it is a directory of the root file system, which in a container goes with the \
             container"
                .to_string(),
            "mount a volume there",
        )
    })
}

fn judge_direct_io(seen: &Observation, require: Require) -> Option<Finding> {
    let DirectIo::Failed { step, error } = &seen.direct_io else {
        return None;
    };
    let there = what_is_there(&seen.file_system);
    Some(finding(
        seen,
        severity(require != Require::Any),
        format!(
            "O_DIRECT fails here ({step}: {error}) on {there}: Greenplum's check for hung disks (FTS) fails over for \
             nothing or is silently off"
        ),
        "use a volume whose file system supports O_DIRECT (ext4, xfs); only for throw-away clusters set storage.require \
         to any",
    ))
}

fn judge_alignment(seen: &Observation, class: Class) -> Option<Finding> {
    let pretends = seen.alignment == Alignment::Unsupported && seen.direct_io == DirectIo::Works;
    // Of memory and layers worse has been said already.
    (pretends && matches!(class, Class::Disk | Class::Network)).then(|| {
        finding(
            seen,
            Severity::Warning,
            format!(
                "O_DIRECT is accepted but the kernel says (statx) that {} has none: reads and writes go through the page \
                 cache, so Greenplum's check for hung disks (FTS) cannot see one",
                what_is_there(&seen.file_system)
            ),
            "mount it without data journalling and encryption (ext4: data=ordered)",
        )
    })
}

fn judge_space(seen: &Observation, min_free_mib: u64) -> Option<Finding> {
    let free = seen.space.free_bytes >> 20;
    let total = seen.space.total_bytes >> 20;
    (free < min_free_mib).then(|| {
        finding(
            seen,
            Severity::Error,
            format!("only {free} MiB of {total} MiB are free; storage.minFreeMib asks for {min_free_mib} MiB"),
            "enlarge the volume, or free some space on it",
        )
    })
}

fn judge_fsync(seen: &Observation) -> Option<Finding> {
    (seen.fsync.p99 > SLOW_FSYNC).then(|| {
        let (p50, p99) = (seen.fsync.p50.as_millis(), seen.fsync.p99.as_millis());
        finding(
            seen,
            Severity::Warning,
            format!(
                "fdatasync is slow: {p50} ms in the middle, {p99} ms at the 99th percentile of {}; every commit waits for \
                 it, on the primary and on its mirror",
                seen.fsync.samples
            ),
            "use a faster StorageClass, or a disk that is not shared",
        )
    })
}

/// Judges `/dev/shm`, where PostgreSQL keeps its dynamic shared memory (`dynamic_shared_memory_type = posix`); `bytes` is
/// its size, `None` where there is none.
pub fn judge_shm(bytes: Option<u64>) -> Option<Finding> {
    const REMEDY: &str = "give the container more: in Kubernetes an emptyDir with `medium: Memory` mounted at /dev/shm, in \
         Docker `shm_size: 256m` (--shm-size)";
    let (severity, what) = match bytes {
        None => (
            Severity::Warning,
            "there is none: PostgreSQL falls back to System V shared memory when a cluster is created, and an existing \
             one may not start"
                .to_string(),
        ),
        Some(n) if n < SHM_WARNING => (
            severity(n < SHM_ERROR),
            format!(
                "it has {} MiB, less than {}: parallel queries fail with `could not resize shared memory segment`",
                n >> 20,
                if n < SHM_ERROR {
                    "the 16 MiB without which little works"
                } else {
                    "the 128 MiB that parallel queries want"
                }
            ),
        ),
        Some(_) => return None,
    };
    Some(Finding::new(severity, Area::Storage, "/dev/shm", what, REMEDY))
}
