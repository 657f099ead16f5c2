//! Limits of a real cgroup, and the real server's word on what follows from them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "support/skipped.rs"]
mod skipped;

use gp_agent::internals::engine::Tools;
use gp_agent_core::postgres::conf;
use gp_agent_core::resources::{Limit, Limits, MIB, Resource, postgres};
use skipped::skipped;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CONFIG: &str = "cluster: w\nengine: postgres\ndomain: w.test\nsegments: { count: 1 }\n";

/// A cgroup below our own, with a memory limit; removed with the value.
struct Group {
    dirs: Vec<PathBuf>,
}

impl Drop for Group {
    fn drop(&mut self) {
        for dir in &self.dirs {
            let _ = std::fs::remove_dir(dir);
        }
    }
}

impl Group {
    /// `None` where this process may not make groups.
    fn with(bytes: u64, milli_cpus: u64) -> Option<Group> {
        let v1 = ["memory", "cpu"].map(|c| format!("/sys/fs/cgroup/{c}"));
        let v2 = ["/sys/fs/cgroup".to_string()];
        let tops = if Path::new(&v1[0]).exists() { &v1[..] } else { &v2[..] };
        let name = format!("gp-agent-test-{}", std::process::id());
        let dirs: Vec<_> = tops.iter().map(|top| Path::new(top).join(&name)).collect();
        let group = Group { dirs };
        for dir in &group.dirs {
            std::fs::create_dir(dir).ok()?;
        }
        let quota = (milli_cpus * 100).to_string();
        if tops.len() == 2 {
            std::fs::write(group.dirs[0].join("memory.limit_in_bytes"), bytes.to_string()).ok()?;
            std::fs::write(group.dirs[1].join("cpu.cfs_quota_us"), quota).ok()?;
        } else {
            std::fs::write(group.dirs[0].join("memory.max"), bytes.to_string()).ok()?;
            std::fs::write(group.dirs[0].join("cpu.max"), format!("{quota} 100000")).ok()?;
        }
        Some(group)
    }

    fn check_limits(&self, config: &Path) -> Output {
        let joins: String = self
            .dirs
            .iter()
            .map(|dir| format!("echo $$ > {}/cgroup.procs && ", dir.display()))
            .collect();
        Command::new("sh")
            .args(["-c", &format!("{joins} exec \"$0\" check limits")])
            .arg(env!("CARGO_BIN_EXE_gp-agent"))
            .env("GP_AGENT_CONFIG", config)
            .env("GP_AGENT_HOST_NAME", "segment-a-0")
            .output()
            .unwrap()
    }
}

#[test]
fn the_limits_of_a_real_cgroup_are_found_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("cluster.yaml");
    std::fs::write(&config, CONFIG).unwrap();
    let Some(group) = Group::with(512 * MIB, 500) else {
        skipped("limits of a real cgroup: this process may not make cgroups");
        return;
    };
    let output = group.check_limits(&config);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("memory 512 MiB of the host's"), "{text}");
    assert!(text.contains("CPUs 0.5 of the host's"), "{text}");
    assert!(
        text.contains("shared_buffers = 76MB: 15 % of the memory limit"),
        "{text}"
    );
    assert!(text.contains("max_parallel_workers = 1: rounded up"), "{text}");
}

#[test]
fn the_server_takes_what_follows_from_any_limit() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("postgresql.conf"), conf::with_include(b"")).unwrap();
    let limit = |value: u64| {
        let file = "/sys/fs/cgroup/memory.max".into();
        Resource::new(u64::MAX, Some(Limit { value, file }))
    };
    for (mib, milli_cpus, buffers) in [
        (64, 100, 9),
        (256, 1000, 38),
        (4096, 3000, 1024),
        (1 << 20, 64_000, 16_384),
    ] {
        let limits = Limits {
            memory: limit(mib * MIB),
            cpus: limit(milli_cpus),
        };
        let derived = postgres::derive(&limits, &BTreeMap::new());
        let text = conf::render(&[], &derived, &BTreeMap::new());
        std::fs::write(dir.path().join(conf::FILE), &text).unwrap();
        let output = Command::new(Tools::find(None).unwrap().path("postgres"))
            .args(["-C", "shared_buffers", "-D"])
            .arg(dir.path())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mib} MiB: {words}\n{text}");
        let shown = String::from_utf8_lossy(&output.stdout);
        // In blocks of 8 KiB.
        let blocks = (buffers * 128).to_string();
        assert_eq!(shown.trim(), blocks, "{mib} MiB: {words}");
    }
}
