//! The container's limits: cgroups of version 1 and 2, and what the host has.

use gp_agent_core::resources::oom::{Memory, parse_oom_kills};
use gp_agent_core::resources::{
    Hierarchy, Limit, Limits, Resource, Version, hierarchies, parse_bytes, parse_cpu_max, parse_quota,
};
use gp_agent_core::storage::mountinfo;
use rustix::thread::sched_getaffinity;
use std::path::{Path, PathBuf};

/// What this process may use, read anew. Nothing that cannot be read limits anything.
pub(crate) fn limits() -> Limits {
    let info = rustix::system::sysinfo();
    let host = Host {
        memory: info.totalram.saturating_mul(info.mem_unit.into()),
        cpus: cpus(),
    };
    limits_below(Path::new("/"), host)
}

/// What the container's memory has come to, read anew.
pub(crate) fn memory() -> Memory {
    memory_below(Path::new("/"), limits().memory.limit)
}

/// `root` stands for `/`.
fn memory_below(root: &Path, limit: Option<Limit>) -> Memory {
    let kills = Tree { root }.own("memory", |tree, version, group| {
        let file = match version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        parse_oom_kills(&tree.read(&group.join(file))?)
    });
    Memory {
        oom_kills: kills,
        limit,
    }
}

struct Host {
    memory: u64,
    cpus: u64,
}

/// CPUs that this process may run on (cpusets count).
fn cpus() -> u64 {
    sched_getaffinity(None).map_or(1, |set| set.count().into())
}

/// `root` stands for `/`.
fn limits_below(root: &Path, host: Host) -> Limits {
    let tree = Tree { root };
    Limits {
        memory: Resource::new(host.memory, tree.limits("memory", memory_limits)),
        cpus: Resource::new(host.cpus * 1000, tree.limits("cpu", cpu)),
    }
}

struct Tree<'a> {
    root: &'a Path,
}

/// Reads one group's limits.
type Reading = fn(&Tree, Version, &Path) -> Vec<Limit>;

impl Tree<'_> {
    fn read(&self, file: &Path) -> Option<String> {
        String::from_utf8(self.bytes(file)?).ok()
    }

    fn bytes(&self, file: &Path) -> Option<Vec<u8>> {
        let below = file.strip_prefix("/").unwrap_or(file);
        std::fs::read(self.root.join(below)).ok()
    }

    fn hierarchies(&self, controller: &str) -> Vec<Hierarchy> {
        let read = |file| self.bytes(Path::new(file)).unwrap_or_default();
        let mounts = mountinfo::parse(&read("/proc/self/mountinfo"));
        hierarchies(controller, &read("/proc/self/cgroup"), &mounts)
    }

    /// What the process's own group says; the first hierarchy that has it.
    fn own<T>(&self, controller: &str, reading: impl Fn(&Tree, Version, &Path) -> Option<T>) -> Option<T> {
        let all = self.hierarchies(controller);
        all.iter().find_map(|h| reading(self, h.version, &h.dir))
    }

    /// The limits of the process's group and of all groups above it.
    fn limits(&self, controller: &str, reading: Reading) -> Vec<Limit> {
        let mut all = Vec::new();
        for Hierarchy { version, dir, top } in self.hierarchies(controller) {
            let groups = dir.ancestors().take_while(|group| group.starts_with(&top));
            all.extend(groups.flat_map(|group| reading(self, version, group)));
        }
        all
    }
}

/// `memory.high` counts too: above it the kernel slows the group down to reclaim.
fn memory_limits(tree: &Tree, version: Version, group: &Path) -> Vec<Limit> {
    let files: &[&str] = match version {
        Version::V1 => &["memory.limit_in_bytes"],
        Version::V2 => &["memory.max", "memory.high"],
    };
    let limits = files.iter().filter_map(|name| {
        let file = group.join(name);
        let value = parse_bytes(&tree.read(&file)?)?;
        Some(Limit { value, file })
    });
    limits.collect()
}

fn cpu(tree: &Tree, version: Version, group: &Path) -> Vec<Limit> {
    let (file, value) = match version {
        Version::V1 => cfs_quota(tree, group),
        Version::V2 => {
            let file = group.join("cpu.max");
            let value = tree.read(&file).and_then(|text| parse_cpu_max(&text));
            (file, value)
        }
    };
    let limit = value.map(|value| Limit { value, file });
    limit.into_iter().collect()
}

fn cfs_quota(tree: &Tree, group: &Path) -> (PathBuf, Option<u64>) {
    let file = group.join("cpu.cfs_quota_us");
    let period = tree.read(&group.join("cpu.cfs_period_us"));
    let value = tree
        .read(&file)
        .zip(period)
        .and_then(|(quota, period)| parse_quota(&quota, &period));
    (file, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Host = Host {
        memory: 64 << 30,
        cpus: 16,
    };

    /// A tree of files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = root.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        root
    }

    fn limit(value: u64, file: &str) -> Limit {
        Limit {
            value,
            file: file.into(),
        }
    }

    #[test]
    fn version_2_nested_the_strictest_group_counts() {
        let root = tree(&[
            ("proc/self/cgroup", "0::/pod/app\n"),
            (
                "proc/self/mountinfo",
                "30 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
            ),
            ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/app/memory.high", "2147483648\n"),
            ("sys/fs/cgroup/pod/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/pod/app/cpu.max", "200000 100000\n"),
            ("sys/fs/cgroup/pod/cpu.max", "max 100000\n"),
        ]);
        let found = limits_below(root.path(), HOST);
        let memory = limit(1 << 30, "/sys/fs/cgroup/pod/memory.max");
        assert_eq!(found.memory.limit, Some(memory));
        assert_eq!(found.memory.host, 64 << 30);
        let cpus = limit(2000, "/sys/fs/cgroup/pod/app/cpu.max");
        assert_eq!(found.cpus.limit, Some(cpus));
    }

    #[test]
    fn kills_are_counted_by_the_process_s_own_group() {
        let v2 = tree(&[
            ("proc/self/cgroup", "0::/pod/app\n"),
            (
                "proc/self/mountinfo",
                "30 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
            ),
            ("sys/fs/cgroup/pod/app/memory.events", "oom 4\noom_kill 2\n"),
            ("sys/fs/cgroup/pod/memory.events", "oom 9\noom_kill 9\n"),
        ]);
        assert_eq!(memory_below(v2.path(), None).oom_kills, Some(2));
        let v1 = tree(&[
            ("proc/self/cgroup", "4:memory:/docker/c1\n0::/docker/c1\n"),
            (
                "proc/self/mountinfo",
                "31 29 0:27 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                 33 29 0:29 / /sys/fs/cgroup/unified ro - cgroup2 cgroup rw\n",
            ),
            ("sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\noom_kill 3\n"),
        ]);
        assert_eq!(memory_below(v1.path(), None).oom_kills, Some(3));
        assert_eq!(memory_below(tree(&[]).path(), None).oom_kills, None);
    }

    #[test]
    fn version_1_and_both_together() {
        let root = tree(&[
            (
                "proc/self/cgroup",
                "4:memory:/docker/c1\n3:cpu,cpuacct:/docker/c1\n0::/docker/c1\n",
            ),
            (
                "proc/self/mountinfo",
                "31 29 0:27 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                 32 29 0:28 /docker/c1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
                 33 29 0:29 / /sys/fs/cgroup/unified ro - cgroup2 cgroup rw\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ]);
        let found = limits_below(root.path(), HOST);
        let memory = limit(512 << 20, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
        assert_eq!(found.memory.limit, Some(memory));
        let cpus = limit(500, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
        assert_eq!(found.cpus.limit, Some(cpus));
    }

    #[test]
    fn a_foreign_mount_in_another_encoding_lifts_no_limit() {
        let root = tree(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
        ]);
        let mounts =
            b"29 1 8:1 / /srv/caf\xe9 rw - ext4 /dev/sdb rw\n30 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        std::fs::write(root.path().join("proc/self/mountinfo"), mounts).unwrap();
        let memory = limit(1 << 30, "/sys/fs/cgroup/memory.max");
        assert_eq!(limits_below(root.path(), HOST).memory.limit, Some(memory));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let root = tree(&[
            ("proc/self/cgroup", "4:memory:/\n3:cpu:/\n"),
            (
                "proc/self/mountinfo",
                "31 29 0:27 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                 32 29 0:28 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        let found = limits_below(root.path(), HOST);
        assert_eq!((found.memory.limit, found.cpus.limit), (None, None));
        let nothing = limits_below(tree(&[]).path(), HOST);
        assert_eq!((nothing.memory.limit, nothing.cpus.limit), (None, None));
        assert_eq!(nothing.cpus.host, 16_000);
    }

    #[test]
    fn this_machine_has_memory_and_cpus() {
        let here = limits();
        assert!(here.memory.host > 64 << 20 && here.cpus.host >= 1000);
    }
}
