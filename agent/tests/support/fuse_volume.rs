//! A volume that can be made to hang: a directory shown by bindfs(1), whose process can be stopped.

use crate::pod_user::folder;
use nix::mount::{MntFlags, umount2};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Unmounted with the value.
pub(crate) struct Volume {
    server: Child,
    mount: PathBuf,
}

impl Volume {
    /// Shows the directory `from` at `mount`. `None` where that cannot be done.
    pub(crate) fn mount(from: &Path, mount: &Path) -> Option<Volume> {
        folder(from);
        let device = fs::metadata(mount).unwrap().dev();
        let mut server = Command::new("bindfs")
            .args(["-f", "-o", "allow_other"])
            .args([from, mount])
            .stdin(Stdio::null())
            .spawn()
            .ok()?;
        while fs::metadata(mount).unwrap().dev() == device {
            if server.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        let mount = mount.to_path_buf();
        Some(Volume { server, mount })
    }

    /// From now on whatever touches the volume waits.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let server = Pid::from_raw(self.server.id().cast_signed()).unwrap();
        kill_process(server, signal).unwrap();
    }
}

/// With its server gone, the file system lets go whoever waits for it.
impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = umount2(&self.mount, MntFlags::MNT_DETACH);
    }
}
