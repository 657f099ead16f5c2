//! Reading FTS's probe file as FTS does. Nothing is written.

use super::probe::{BLOCK, aligned};
use crate::domain::storage::fts_probe::{FILE, ProbeFile};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Opens the file in `data_dir` for reading and writing with O_DIRECT and reads one block. Blocks as long as the disk does.
pub fn read(data_dir: &Path) -> ProbeFile {
    let flags = OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC;
    let file = match open(data_dir.join(FILE), flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return ProbeFile::Absent,
        Err(errno) => {
            return ProbeFile::Failed {
                step: "open",
                error: std::io::Error::from(errno).to_string(),
                no_direct_io: errno == Errno::INVAL,
            };
        }
    };
    let mut memory = vec![0; 2 * BLOCK];
    match file.read_at(aligned(&mut memory), 0) {
        Ok(BLOCK) => ProbeFile::Whole,
        Ok(bytes) => ProbeFile::Short(bytes),
        Err(error) => ProbeFile::Failed {
            step: "read",
            error: error.to_string(),
            no_direct_io: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::storage::DirectIo;
    use crate::sys::storage::prove;

    #[test]
    fn the_file_is_read_as_fts_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), ProbeFile::Absent);
        let path = dir.path().join(FILE);
        std::fs::write(&path, vec![7; BLOCK]).unwrap();
        match prove(dir.path(), "data").unwrap().direct_io {
            DirectIo::Works => assert_eq!(read(dir.path()), ProbeFile::Whole),
            DirectIo::Failed { .. } => {
                assert!(matches!(read(dir.path()), ProbeFile::Failed { .. }));
                return;
            }
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(dir.path()), ProbeFile::Short(0));
        std::fs::write(&path, vec![7; 4096]).unwrap();
        assert_eq!(read(dir.path()), ProbeFile::Short(4096));
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
