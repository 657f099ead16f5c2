//! Reading FTS's probe file as FTS does. Nothing is written.

use super::write_probe::{BLOCK, aligned};
use gp_agent_core::storage::fts_probe::{FILE, ProbeFile};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Opens the file in `data_dir` for reading and writing with O_DIRECT and reads all of it, which FTS made one
/// block long. Blocks as long as the disk does.
pub(crate) fn read(data_dir: &Path) -> ProbeFile {
    let flags = OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC;
    let file = match open(data_dir.join(FILE), flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return ProbeFile::Absent,
        Err(errno) => {
            return ProbeFile::Failed {
                step: "open",
                error: io::Error::from(errno).to_string(),
                no_direct_io: errno == Errno::INVAL,
            };
        }
    };
    match read_all(&file) {
        Ok(seen) => seen,
        Err(error) => ProbeFile::Failed {
            step: "read",
            error: error.to_string(),
            no_direct_io: false,
        },
    }
}

fn read_all(file: &File) -> io::Result<ProbeFile> {
    let length = file.metadata()?.len();
    let block = usize::try_from(length).unwrap_or(usize::MAX);
    if !block.is_power_of_two() || !(1024..=BLOCK).contains(&block) {
        return Ok(ProbeFile::NoBlock(length));
    }
    let mut memory = vec![0; 2 * BLOCK];
    match file.read_at(&mut aligned(&mut memory)[..block], 0)? {
        read if read == block => Ok(ProbeFile::Whole),
        read => Ok(ProbeFile::NoBlock(read as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage::prove;
    use gp_agent_core::storage::DirectIo;

    #[test]
    fn the_file_is_read_as_fts_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), ProbeFile::Absent);
        let path = dir.path().join(FILE);
        std::fs::write(&path, vec![7; BLOCK]).unwrap();
        match prove(dir.path(), gp_agent_core::cluster::volume::VolumePurpose::Data)
            .unwrap()
            .direct_io
        {
            DirectIo::Works => assert_eq!(read(dir.path()), ProbeFile::Whole),
            DirectIo::Failed { .. } => {
                assert!(matches!(read(dir.path()), ProbeFile::Failed { .. }));
                return;
            }
        }
        for (bytes, seen) in [
            (8192, ProbeFile::Whole),
            (0, ProbeFile::NoBlock(0)),
            (5000, ProbeFile::NoBlock(5000)),
            (2 * BLOCK, ProbeFile::NoBlock(2 * BLOCK as u64)),
        ] {
            std::fs::write(&path, vec![7; bytes]).unwrap();
            assert_eq!(read(dir.path()), seen, "{bytes}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(
            read(dir.path()),
            ProbeFile::Failed {
                step: "open",
                no_direct_io: false,
                ..
            }
        ));
    }
}
