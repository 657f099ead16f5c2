//! The processes of a pod, seen from outside.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Some processes of a pod, each by its PID outside and its command line.
#[derive(Default)]
pub(crate) struct Processes(Vec<(i32, Vec<String>)>);

impl Processes {
    /// All in the PID namespace of `init`.
    pub(crate) fn of_pod(init: i32) -> Processes {
        let space = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let Some(own) = space(init) else {
            return Processes::default();
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let ours = pids.filter(|pid| space(*pid).as_ref() == Some(&own));
        Processes(ours.map(|pid| (pid, command_line(pid))).collect())
    }

    fn only(self, which: impl Fn(&[String]) -> bool) -> Processes {
        Processes(self.0.into_iter().filter(|(_, line)| which(line)).collect())
    }

    fn one(self, which: impl Fn(&[String]) -> bool, name: &str) -> Processes {
        let mut found = self.only(which);
        assert!(found.count() > 0, "no {name} runs");
        found.0.truncate(1);
        found
    }

    /// The agent.
    pub(crate) fn agent(self) -> Processes {
        let is_agent = |line: &[String]| {
            line.iter().any(|word| word.ends_with("gp-agent")) && line.iter().any(|word| word == "run")
        };
        self.one(is_agent, "agent")
    }

    /// The postmaster.
    pub(crate) fn postmaster(self) -> Processes {
        let is_postmaster = |line: &[String]| {
            line.first().is_some_and(|word| word.ends_with("/postgres")) && line.iter().any(|word| word == "-D")
        };
        self.one(is_postmaster, "postmaster")
    }

    /// Those of a server.
    pub(crate) fn of_server(self) -> Processes {
        self.only(|line| {
            line.first()
                .is_some_and(|word| word.ends_with("/postgres") || word.starts_with("postgres: "))
        })
    }

    /// Those with these words in their title.
    pub(crate) fn titled(self, words: &str) -> Processes {
        self.only(|line| line.join(" ").contains(words))
    }

    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Sends a signal to each.
    pub(crate) fn signal(&self, signal: Signal) {
        for (pid, _) in &self.0 {
            send(*pid, signal);
        }
    }
}

/// Sends a signal to a process.
pub(crate) fn send(pid: i32, signal: Signal) {
    // One that has just ended needs none.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

fn command_line(pid: i32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = text.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}
