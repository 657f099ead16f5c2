//! A small question to a volume, to see whether it answers at all.

use super::space_of;
use super::write_probe::{BLOCK, aligned};
use gp_agent_core::cluster::volume::VolumeRoom;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, StatVfsMountFlags, Timespec, Timestamps, UTIME_NOW, open, statvfs, utimensat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Written at the first start, read ever since; small.
const SMALL_FILE: &str = ".gp-agent/owner.json";

/// The room on the volume, and whether it can be written, after the agent's small file there was read past the kernel's cache
/// where that is possible: a disk that hangs would still answer from memory. Blocks as long as the volume does.
///
/// # Errors
/// Those of the file system; a volume without the file has answered.
pub(crate) fn ask(volume: &Path) -> io::Result<VolumeRoom> {
    let stat = statvfs(volume)?;
    match open_direct(&volume.join(SMALL_FILE)) {
        Ok(fd) => {
            let mut memory = vec![0; 2 * BLOCK];
            File::from(fd).read_at(aligned(&mut memory), 0)?;
        }
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(VolumeRoom {
        path: volume.display().to_string(),
        space: space_of(&stat),
        read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY) || refuses_changes(volume),
    })
}

/// After an error on the disk ext4 writes nothing more (`errors=remount-ro`), and since Linux 6.12 the mount does not show that:
/// only a change does. The time of the volume's directory is the smallest there is, and needs no room.
fn refuses_changes(volume: &Path) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    utimensat(CWD, volume, &times, AtFlags::empty()) == Err(Errno::ROFS)
}

fn open_direct(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match open(path, flags | OFlags::DIRECT, Mode::empty()) {
        // tmpfs and some others know no O_DIRECT.
        Err(Errno::INVAL) => open(path, flags, Mode::empty()),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_answers_with_and_without_the_file() {
        let volume = tempfile::tempdir().unwrap();
        let room = ask(volume.path()).unwrap();
        assert!(!room.read_only && room.space.free_bytes > 0 && room.space.total_bytes >= room.space.free_bytes);
        let file = volume.path().join(SMALL_FILE);
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(ask(volume.path()).unwrap().path, room.path);
        assert!(ask(&volume.path().join("none")).is_err());
    }
}
