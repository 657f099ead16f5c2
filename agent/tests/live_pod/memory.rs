//! The kernel kills for want of memory.

use crate::connections::Clients;
use crate::machine::{is_root, send};
use crate::place::Place;
use crate::pod::Pod;
use crate::skipped::skipped;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};

const LIMIT: u64 = 300 << 20;

/// A cgroup with a memory limit; removed with the value.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

impl Group {
    /// `None` where this process may not make groups.
    fn new() -> Option<Group> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let top = if v1.exists() { v1 } else { Path::new("/sys/fs/cgroup") };
        let group = Group(top.join(format!("gp-agent-test-oom-{}", std::process::id())));
        fs::create_dir(&group.0).ok()?;
        let files = ["memory.limit_in_bytes", "memory.max"];
        let limited = files
            .iter()
            .any(|file| fs::write(group.0.join(file), LIMIT.to_string()).is_ok());
        for swap in ["memory.memsw.limit_in_bytes", "memory.swap.max"] {
            let _ = fs::write(
                group.0.join(swap),
                if swap.contains("max") {
                    "0".into()
                } else {
                    LIMIT.to_string()
                },
            );
        }
        limited.then_some(group)
    }
}

/// The postmaster's; 0 while none runs.
fn pid(pod: &Pod) -> i32 {
    let pid = pod.status()["postmaster"]["pid"].as_i64();
    pid.map_or(0, |pid| i32::try_from(pid).unwrap())
}

/// What the agent says may be a second old.
fn serves(pod: &Pod) -> bool {
    pod.try_to_ask("select 1").is_ok() && pod.readiness().0 == 200
}

/// Writes more than the limit into a sort that may keep it in memory. The libraries of a compiler would add to what the session is
/// worth to the kernel.
const TOO_MUCH: &str = "set work_mem = '2GB'; set jit = off; \
     select count(*) from (select repeat(md5(i::text), 40) x from generate_series(1, 1000000) i order by 1) y";

#[test]
fn who_was_killed_by_the_kernel_is_named_and_counted() {
    if !is_root() {
        return;
    }
    let Some(group) = Group::new() else {
        return skipped("no cgroup with a memory limit can be made here");
    };
    let mut place = Place::new("parameters: { shared_buffers: 32MB }");
    let join = format!(
        "echo $$ > {}/cgroup.procs && exec setpriv --reuid nobody --regid nogroup --clear-groups \"$@\"",
        group.0.display()
    );
    place.through = ["sh", "-c", &join, "sh"].map(Into::into).to_vec();
    let mut pod = Pod::start(place);
    assert_eq!(pod.metric("gp_agent_oom_kills_total"), Some(0.0));
    let asked = pod.try_to_ask(TOO_MUCH);
    assert!(asked.is_err(), "{asked:?}");
    let finding = pod.wait_for_finding("the kernel killed a process of this container");
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("out of memory, limit 300 MiB"), "{what}");
    assert!(pod.metric("gp_agent_oom_kills_total") >= Some(1.0));
    pod.wait_until("the server is back", serves);

    // The kernel takes the postmaster itself, which is worth more to it now than a session that fills the container.
    let clients = Clients::of(&pod);
    let client = clients.connect("postgres").unwrap();
    let postmaster = pid(&pod);
    fs::write(format!("/proc/{postmaster}/oom_score_adj"), "1000").unwrap();
    assert!(clients.try_to_run(&client, TOO_MUCH).is_err());
    pod.wait_until("its end is told", |pod| {
        let end = pod.status()["postmaster"]["lastEnd"].to_string();
        end.contains("ended: killed by SIGKILL; out of memory, limit 300 MiB (")
    });
    pod.wait_until("the server is back", |pod| serves(pod) && pid(pod) != postmaster);

    // Whoever sends the same signal without want of memory is not taken for the kernel.
    // Two looks later the kills of before are old.
    let seen = pod.status()["postmaster"]["answeredAt"].as_u64().unwrap();
    pod.wait_until("it was looked at", |pod| {
        pod.status()["postmaster"]["answeredAt"].as_u64().unwrap() > seen + 3
    });
    let (before, postmaster) = (pod.metric("gp_agent_oom_kills_total"), pid(&pod));
    send(postmaster, Signal::KILL);
    pod.wait_until("another one runs", |pod| pid(pod) != postmaster && pid(pod) > 0);
    let end = pod.status()["postmaster"]["lastEnd"].clone();
    assert!(!end.as_str().unwrap().contains("out of memory"), "{end}");
    assert_eq!(pod.metric("gp_agent_oom_kills_total"), before);
}
