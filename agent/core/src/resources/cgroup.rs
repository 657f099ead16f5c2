//! Where a process's cgroups are, and what their files say; cgroups(7).

use crate::storage::mountinfo::Mount;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Of the cgroup interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One for all.
    V2,
}

/// The process's place in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Of the interface.
    pub version: Version,
    /// The process's own group.
    pub dir: PathBuf,
    /// The topmost group that can be seen; limits of all groups between count.
    pub top: PathBuf,
}

/// The hierarchies that may limit `controller` (`memory`, `cpu`): its own of version 1, and the common one of version 2.
/// `own` is what /proc/self/cgroup says; a group's name may be of any bytes.
pub fn hierarchies(controller: &str, own: &[u8], mounts: &[Mount]) -> Vec<Hierarchy> {
    let lines = own.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let version = match controllers {
            b"" => Version::V2,
            list if list.split(|byte| *byte == b',').any(|c| c == controller.as_bytes()) => Version::V1,
            _ => return None,
        };
        let mount = mounts.iter().rev().find(|m| serves(m, version, controller))?;
        Some(Hierarchy {
            version,
            dir: below(mount, Path::new(OsStr::from_bytes(path))),
            top: mount.point.clone(),
        })
    });
    lines.collect()
}

fn serves(mount: &Mount, version: Version, controller: &str) -> bool {
    match version {
        Version::V1 => mount.kind == "cgroup" && mount.options.split(',').any(|o| o == controller),
        Version::V2 => mount.kind == "cgroup2",
    }
}

/// The path is relative to the cgroup namespace, the mount's root too. Without a namespace of its own a container's mount
/// begins at its group; a path that leads elsewhere cannot be followed, and the mount's root is the nearest there is.
fn below(mount: &Mount, path: &Path) -> PathBuf {
    match path.strip_prefix(&mount.root) {
        Ok(rest) if rest.components().all(|c| matches!(c, Component::Normal(_))) => mount.point.join(rest),
        _ => mount.point.clone(),
    }
}

/// A number of bytes; nothing for `max`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// `cpu.max` (version 2): quota and period in microseconds, such as `150000 100000`; thousandths of a CPU, nothing for
/// `max 100000`.
pub fn parse_cpu_max(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    parse_quota(quota, period)
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1); nothing for a quota of -1.
pub fn parse_quota(quota: &str, period: &str) -> Option<u64> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok()?;
    quota.checked_mul(1000)?.checked_div(period)
}
