//! Processes that the kernel killed for want of memory: counted by the cgroup, and told for a while.

use super::{Limit, MIB};
use crate::finding::{Area, Finding};

/// Seconds for which a kill is told.
const TOLD_SECONDS: u64 = 3600;

/// What the cgroup says of its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Processes of this container that the kernel killed for want of memory, since the container started; `None` where that
    /// is not counted (before Linux 4.13, and in the host's own cgroup).
    pub oom_kills: Option<u64>,
    /// The container's limit.
    pub limit: Option<Limit>,
}

/// The count in `memory.events` (version 2) or `memory.oom_control` (version 1): processes of the group and, with version 2, of
/// those below it, that any out-of-memory killer killed, the node's too.
pub fn parse_oom_kills(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

impl Memory {
    /// `out of memory, limit 300 MiB (/sys/fs/cgroup/memory.max)`
    pub fn words(&self) -> String {
        match &self.limit {
            Some(Limit { value, file }) => format!("out of memory, limit {} MiB ({})", value / MIB, file.display()),
            None => "out of memory on the node; this container has no limit".into(),
        }
    }

    /// Whether the kernel has killed since `earlier`.
    pub fn has_killed_since(&self, earlier: &Memory) -> bool {
        self.oom_kills > earlier.oom_kills
    }
}

/// Remembers what was killed, and when.
#[derive(Clone, Debug, Default)]
pub struct OomWatch {
    seen: Option<u64>,
    killed: u64,
    last: Option<u64>,
}

impl OomWatch {
    /// What an administrator should know at `now` (in seconds): of kills since the first look, and for an hour after the last.
    pub fn look(&mut self, memory: &Memory, now: u64, pod: &str) -> Option<Finding> {
        let count = memory.oom_kills?;
        let new = count.saturating_sub(self.seen.replace(count).unwrap_or(count));
        if new > 0 {
            self.killed = self.killed.saturating_add(new);
            self.last = Some(now);
        }
        if self.last.is_none_or(|last| now.saturating_sub(last) >= TOLD_SECONDS) {
            self.killed = 0;
            return None;
        }
        Some(finding(self.killed, memory, pod))
    }
}

fn finding(killed: u64, memory: &Memory, pod: &str) -> Finding {
    let (processes, words) = (processes(killed), memory.words());
    let what = format!("the kernel killed {processes} of this container within the last hour: {words}");
    Finding::error(Area::Limits, pod, what, remedy(memory))
}

/// What was killed since the container started, for whoever looks once.
pub fn judge(memory: &Memory) -> Option<Finding> {
    let processes = processes(memory.oom_kills.filter(|killed| *killed > 0)?);
    let words = memory.words();
    let what = format!("the kernel killed {processes} of this container since it started: {words}");
    Some(Finding::warning(Area::Limits, "memory", what, remedy(memory)))
}

fn processes(killed: u64) -> String {
    match killed {
        1 => "a process".to_string(),
        n => format!("{n} processes"),
    }
}

fn remedy(memory: &Memory) -> &'static str {
    match memory.limit {
        Some(_) => {
            "raise the container's memory limit, or have the server use less: work_mem, maintenance_work_mem, max_connections \
             (Greenplum: statement_mem, gp_vmem_protect_limit) in `parameters`; the server's log names a backend that was \
             terminated by signal 9"
        }
        None => {
            "give the node more memory or fewer pods, and this container a request and a limit; the server's log names a \
             backend that was terminated by signal 9"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn memory(oom_kills: u64) -> Memory {
        Memory {
            oom_kills: Some(oom_kills),
            limit: Some(Limit {
                value: 300 * MIB,
                file: "/sys/fs/cgroup/memory.max".into(),
            }),
        }
    }

    #[test]
    fn both_versions_are_read() {
        assert_eq!(
            parse_oom_kills("low 0\nhigh 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 0\n"),
            Some(3)
        );
        assert_eq!(
            parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            Some(2)
        );
        assert_eq!(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn a_kill_is_told_for_an_hour() {
        let mut watch = OomWatch::default();
        assert_eq!(watch.look(&memory(5), 0, "a"), None, "killed before anybody looked");
        let told = watch.look(&memory(6), 10, "a").unwrap();
        assert_eq!(
            told.what,
            "the kernel killed a process of this container within the last hour: out of memory, limit 300 MiB \
             (/sys/fs/cgroup/memory.max)"
        );
        assert_eq!(watch.look(&memory(6), 10 + TOLD_SECONDS - 1, "a"), Some(told));
        assert_eq!(watch.look(&memory(6), 10 + TOLD_SECONDS, "a"), None);
        let once = judge(&memory(6)).unwrap();
        assert!(
            once.what
                .starts_with("the kernel killed 6 processes of this container since it started")
        );
        assert!(memory(6).has_killed_since(&memory(5)) && !memory(6).has_killed_since(&memory(6)));
    }

    #[test]
    fn what_is_not_counted_is_not_told() {
        let unknown = Memory::default();
        assert_eq!(OomWatch::default().look(&unknown, 0, "a"), None);
        assert_eq!(judge(&unknown).or(judge(&memory(0))), None);
        assert!(!unknown.has_killed_since(&memory(1)));
    }

    proptest! {
        #[test]
        fn every_new_kill_is_told_at_once(steps in prop::collection::vec((0_u64..2000, 0_u64..3), 1..40)) {
            let mut watch = OomWatch::default();
            let (mut now, mut count) = (0, 0);
            watch.look(&memory(0), 0, "a");
            for (time, more) in steps {
                (now, count) = (now + time, count + more);
                let told = watch.look(&memory(count), now, "a");
                prop_assert!(more == 0 || told.is_some());
            }
        }
    }
}
