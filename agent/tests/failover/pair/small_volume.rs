//! A volume whose size can be changed: a tmpfs.

use crate::pod_user::folder;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::path::{Path, PathBuf};

/// Unmounted with the value.
pub(crate) struct SmallVolume(PathBuf);

impl SmallVolume {
    /// An empty one of so many MiB.
    pub(crate) fn mount(at: &Path, mib: u64) -> SmallVolume {
        folder(at);
        tmpfs(at, MsFlags::empty(), mib);
        SmallVolume(at.to_path_buf())
    }

    /// So many MiB are free beside what is there.
    pub(crate) fn leave_free(&self, mib: u64) {
        let volume = nix::sys::statvfs::statvfs(&self.0).unwrap();
        let used = (volume.blocks() - volume.blocks_free()) * volume.fragment_size();
        tmpfs(&self.0, MsFlags::MS_REMOUNT, (used >> 20) + 1 + mib);
    }
}

fn tmpfs(at: &Path, flags: MsFlags, mib: u64) {
    let options = format!("mode=1777,size={mib}m");
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options.as_str())).unwrap();
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        // What lives in its mount namespace may still hold it.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
