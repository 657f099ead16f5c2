//! File systems to try, and a place where they can be mounted.

use crate::skipped::skipped;
use gp_agent::internals::storage::{StorageError, prove};
use gp_agent_core::cluster::volume::VolumePurpose;
use gp_agent_core::storage::Observation;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory in a mount namespace of this thread alone, so that mounts vanish with the test, however it ends.
pub(crate) struct Private(TempDir);

impl Private {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Unmounts before the directory is removed.
impl Drop for Private {
    fn drop(&mut self) {
        for name in entries(self.path()) {
            let _ = umount2(&self.path().join(name), MntFlags::MNT_DETACH);
        }
    }
}

pub(crate) fn private_directory() -> Option<Private> {
    if let Err(e) = unshare(CloneFlags::CLONE_NEWNS) {
        skipped(&format!("it mounts file systems and must run as root ({e})"));
        return None;
    }
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(Private(dir))
}

pub(crate) fn mounted(parent: &Private, name: &str, kind: &str, options: &str) -> PathBuf {
    let point = parent.path().join(name);
    fs::create_dir(&point).unwrap();
    let flags = MsFlags::empty();
    mount(Some(kind), &point, Some(kind), flags, Some(options)).unwrap();
    point
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// An ext4 of `mib` MiB in a file, mounted through a loop device.
pub(crate) fn ext4(parent: &Private, mib: u64, mkfs: &[&str], options: &str) -> Option<PathBuf> {
    disk(parent, "ext4", mib, mkfs, options)
}

/// A disk's file system of `mib` MiB in a file, mounted through a loop device.
pub(crate) fn disk(parent: &Private, kind: &str, mib: u64, mkfs: &[&str], options: &str) -> Option<PathBuf> {
    let program = format!("mkfs.{kind}");
    if let Some(why) = no_disk(kind, &program) {
        skipped(&format!("{kind} cannot be tried: {why}"));
        return None;
    }
    let image = parent.path().join("image");
    let file = fs::File::create(&image).unwrap();
    file.set_len(mib << 20).unwrap();
    // The space is escaped in the mount table.
    let point = parent.path().join("green plum");
    fs::create_dir(&point).unwrap();
    let (image, target) = (image.to_str().unwrap(), point.to_str().unwrap());
    let always: &[&str] = match kind {
        "ext4" => &["-q", "-F", "-m", "0"],
        _ => &["-q"],
    };
    run(&program, &[always, mkfs, &[image]].concat());
    run("mount", &["-t", kind, "-o", options, image, target]);
    Some(point)
}

/// Why there cannot be such a file system here.
fn no_disk(kind: &str, mkfs: &str) -> Option<String> {
    if !Path::new("/dev/loop-control").exists() {
        return Some("there is no /dev/loop-control to mount it with".into());
    }
    if let Err(e) = Command::new(mkfs).arg("-V").output() {
        return Some(format!("{mkfs}: {e}; tests/run installs it"));
    }
    // A kernel with modules loads it at the first mount; modprobe says whether it has it.
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    let built_in = known.lines().any(|line| line.trim() == kind);
    let loads = || Command::new("modprobe").args(["-q", kind]).status();
    (!built_in && !loads().is_ok_and(|s| s.success())).then(|| "this kernel lacks it".into())
}

pub(crate) fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Proves the volume, and that nothing was left behind, whatever the outcome.
pub(crate) fn proved(volume: &Path) -> Result<Observation, StorageError> {
    let before = entries(volume);
    let outcome = prove(volume, VolumePurpose::Data);
    assert_eq!(entries(volume), before, "after {outcome:?}");
    outcome
}
