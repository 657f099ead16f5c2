//! One file without a name, and what is tried on it.

use super::error::Failure;
use gp_agent_core::process::timeouts;
use gp_agent_core::storage::{DirectIo, Latency};
use rustix::fs::{Mode, OFlags, fdatasync, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the names of probe files begin with; one that was left by a killed agent is removed by it.
pub(super) const PROBE_PREFIX: &str = ".gp-agent-probe-";

/// Greenplum's BLCKSZ: what its FTS writes and reads back, aligned to itself.
pub(super) const BLOCK: usize = 32_768;

/// What PostgreSQL writes at least when a transaction commits: one page of write-ahead log.
const PAGE: usize = 8192;

/// How many writes are timed, at most.
const SAMPLES: usize = 64;

/// How long they may take together.
const ENOUGH: Duration = timeouts::VOLUME_MEASURED;

/// A file on the volume that has no name (any more), so it ends with this process.
pub(super) struct Probe {
    buffered: File,
    /// The same file with O_DIRECT, or why it cannot be opened so.
    direct: Result<File, Errno>,
}

/// Removes the name when it goes out of scope, whatever happened in between.
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        // Where this fails, the next run's sweep tries again.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Probe {
    /// Creates the file: nameless where the file system can (O_TMPFILE), otherwise under a name that is taken away at once.
    ///
    /// It is created without O_DIRECT, for a file system that refuses the flag may do so after it has made the file.
    pub(super) fn create(volume: &Path) -> Result<Probe, Failure> {
        let mode = Mode::RUSR | Mode::WUSR;
        let nameless = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        match open(volume, nameless, mode) {
            Ok(fd) => Ok(Self::of(fd.into())),
            // What open(2) says of file systems, and of kernels, without O_TMPFILE.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                Self::create_named(volume)
            }
            Err(e) => Err(Failure::new("create", e)),
        }
    }

    fn create_named(volume: &Path) -> Result<Probe, Failure> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let path = volume.join(format!("{PROBE_PREFIX}{:016x}", rand::random::<u64>()));
        let fd = open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Failure::new("create", e))?;
        let _name = Named(path);
        Ok(Self::of(fd.into()))
    }

    fn of(buffered: File) -> Probe {
        let direct = reopen_direct(&buffered);
        Probe { buffered, direct }
    }

    /// The file, without O_DIRECT.
    pub(super) fn file(&self) -> &File {
        &self.buffered
    }

    /// Finds out, before O_DIRECT is tried, whether the volume takes and keeps a block at all.
    pub(super) fn write_and_sync(&self) -> Result<(), Failure> {
        let written = pattern(1);
        self.buffered
            .write_all_at(&written, 0)
            .map_err(|e| Failure::new("write", e))?;
        self.buffered.sync_all().map_err(|e| Failure::new("fsync", e))?;
        let mut read = vec![0; BLOCK];
        self.buffered
            .read_exact_at(&mut read, 0)
            .map_err(|e| Failure::new("read", e))?;
        if read != written {
            let wrong = io::Error::other("other bytes were read than had been written");
            return Err(Failure::new("compare", wrong));
        }
        Ok(())
    }

    /// The trial of Greenplum's FTS (`ftsmessagehandler.c`, checkIODataDirectory): write one block with O_DIRECT, fsync, read
    /// it back, compare. The second answer is whether a single byte could be written the same way.
    ///
    /// A refusal is an answer; errors of the disk are failures.
    pub(super) fn try_direct_io(&self) -> Result<(DirectIo, Option<bool>), Failure> {
        let file = match &self.direct {
            Ok(file) => file,
            Err(e) => return Ok((refused("open", (*e).into())?, None)),
        };
        match round_trip(file) {
            Ok(()) => {}
            Err(failure) => return Ok((refused(failure.step, failure.source)?, None)),
        }
        let takes_single_bytes = file.write_at(&[1], 0).is_ok();
        Ok((DirectIo::Works, Some(takes_single_bytes)))
    }

    /// Times overwriting a page and fdatasync, as PostgreSQL's pg_test_fsync does.
    pub(super) fn measure_fsync(&self) -> Result<Latency, Failure> {
        let page = vec![0x5A; PAGE];
        let began = Instant::now();
        let mut samples = Vec::with_capacity(SAMPLES);
        while samples.len() < SAMPLES && began.elapsed() < ENOUGH {
            let offset = (samples.len() * PAGE) % BLOCK;
            let start = Instant::now();
            self.buffered
                .write_all_at(&page, offset as u64)
                .map_err(|e| Failure::new("write", e))?;
            fdatasync(&self.buffered).map_err(|e| Failure::new("fdatasync", e))?;
            samples.push(start.elapsed());
        }
        Ok(Latency::of(samples))
    }
}

/// Opens a file once more, with O_DIRECT, whether it has a name or not.
fn reopen_direct(file: &File) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC;
    let path = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    open(path, flags, Mode::empty()).map(File::from)
}

fn round_trip(file: &File) -> Result<(), Failure> {
    let mut memory = vec![0; 2 * BLOCK];
    let block = aligned(&mut memory);
    let written = pattern(2);
    block.copy_from_slice(&written);
    let whole = |step, n: usize| match n {
        BLOCK => Ok(()),
        n => Err(Failure::new(step, io::Error::other(format!("{n} of {BLOCK} bytes")))),
    };
    let n = file.write_at(block, 0).map_err(|e| Failure::new("write", e))?;
    whole("write", n)?;
    file.sync_all().map_err(|e| Failure::new("fsync", e))?;
    block.fill(0);
    let n = file.read_at(block, 0).map_err(|e| Failure::new("read", e))?;
    whole("read", n)?;
    if *block != *written {
        let wrong = io::Error::other("other bytes were read than had been written");
        return Err(Failure::new("compare", wrong));
    }
    Ok(())
}

/// The block inside `memory` (twice as long) that begins at a multiple of its own length.
pub(super) fn aligned(memory: &mut [u8]) -> &mut [u8] {
    let start = memory.as_ptr().align_offset(BLOCK);
    &mut memory[start..start + BLOCK]
}

/// A block that differs with `salt` and between its sectors.
fn pattern(salt: u32) -> Vec<u8> {
    let byte = |i: u32| ((i.wrapping_mul(2_654_435_761) >> 13) ^ (i / 512) ^ salt).to_le_bytes()[0];
    (0..).take(BLOCK).map(byte).collect()
}

/// A failed O_DIRECT step: an answer where it says that this file system cannot, a failure where the disk is ill.
fn refused(step: &'static str, source: io::Error) -> Result<DirectIo, Failure> {
    match Errno::from_io_error(&source) {
        Some(Errno::IO | Errno::NOSPC | Errno::DQUOT | Errno::ROFS) => Err(Failure::new(step, source)),
        _ => Ok(DirectIo::Failed {
            step,
            error: source.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_named_probe_works_and_is_gone_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let probe = Probe::create_named(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        probe.write_and_sync().unwrap();
        probe.try_direct_io().unwrap();
        assert!(probe.measure_fsync().unwrap().samples > 0);
    }

    #[test]
    fn a_probe_that_cannot_be_made_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Probe::create(&dir.path().join("no")).map(|_| ()).unwrap_err();
        assert_eq!(failure.step, "create");
        assert_eq!(failure.source.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn refusals_are_answers_and_a_broken_disk_is_a_failure() {
        for errno in [Errno::INVAL, Errno::OPNOTSUPP] {
            let answer = refused("read", errno.into()).unwrap();
            assert!(matches!(answer, DirectIo::Failed { step: "read", .. }));
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::ROFS] {
            assert_eq!(refused("write", errno.into()).unwrap_err().step, "write");
        }
    }

    proptest! {
        #[test]
        fn blocks_are_aligned(shift in 0usize..64) {
            let mut memory = vec![0; 2 * BLOCK + shift];
            let block = aligned(&mut memory[shift..]);
            prop_assert_eq!(block.len(), BLOCK);
            prop_assert_eq!(block.as_ptr().addr() % BLOCK, 0);
        }
    }
}
