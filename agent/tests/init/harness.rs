//! A running `gp-agent init`, its output as a stream of lines, and its process tree.

use crate::programs::copy_program;
use gp_agent::internals::process::{ProcessInfo, processes};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const GP_AGENT: &str = env!("CARGO_BIN_EXE_gp-agent");

/// What a test runs as the agent and as databases.
pub(crate) struct Init {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    taken: BTreeSet<usize>,
}

/// `gp-agent init <options> -- bash -c <script>`
pub(crate) fn bash(options: &[&str], script: &str) -> Init {
    let mut command = Command::new(GP_AGENT);
    command.arg("init").args(options);
    command.args(["--", "bash", "-c", script]);
    Init::spawn(&mut command)
}

impl Init {
    pub(crate) fn spawn(command: &mut Command) -> Init {
        // One pipe: lines come in the order in which they were written.
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        // The command holds the ends that it gave away.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (into, lines) = channel();
        pump(reader, into);
        Init {
            child,
            lines,
            seen: Vec::new(),
            taken: BTreeSet::new(),
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits for a line that holds `part`; each line is given once.
    pub(crate) fn line(&mut self, part: &str) -> String {
        self.wait_for(part, |line| line.contains(part))
    }

    /// Waits for the line `<word> <pid>` and gives the PID.
    pub(crate) fn pid_line(&mut self, word: &str) -> i32 {
        i32::try_from(self.number_line(word)).unwrap()
    }

    /// Waits for the line `<word> <number>` and gives the number.
    pub(crate) fn number_line(&mut self, word: &str) -> u64 {
        let start = format!("{word} ");
        let line = self.wait_for(&start, |line| line.starts_with(&start));
        line[start.len()..].parse().unwrap()
    }

    fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let taken = &mut self.taken;
            let found = self
                .seen
                .iter()
                .enumerate()
                .find(|(at, line)| wanted(line) && taken.insert(*at));
            if let Some((_, line)) = found {
                return line.clone();
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(why) => panic!("no line with `{what}` ({why}) in:\n{}", self.all()),
            }
        }
    }

    /// Whether a line seen so far holds `part`.
    pub(crate) fn has_seen(&mut self, part: &str) -> bool {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().any(|line| line.contains(part))
    }

    /// Waits for the end; gives the exit code after having read everything that was said.
    pub(crate) fn code(&mut self) -> Option<i32> {
        // Both pipes close when the last process that holds them is gone.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        self.child.wait().unwrap().code()
    }

    pub(crate) fn all(&self) -> String {
        self.seen.join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|end| end.is_some()) {
            return;
        }
        let tree = descendants(self.pid());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in tree {
            let _ = kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL);
        }
    }
}

fn pump(from: impl Read + Send + 'static, into: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if into.send(line).is_err() {
                break;
            }
        }
    });
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

pub(crate) fn children(pid: i32) -> Vec<ProcessInfo> {
    let mut all = processes().unwrap();
    all.retain(|p| p.ppid == pid);
    all
}

pub(crate) fn descendants(pid: i32) -> Vec<ProcessInfo> {
    let mut found = children(pid);
    let mut at = 0;
    while at < found.len() {
        found.extend(children(found[at].pid));
        at += 1;
    }
    found
}

/// A directory with a shell named `postgres`, so that the process's comm says so, and a `sleep` named `backend`.
pub(crate) struct FakePostgres {
    directory: tempfile::TempDir,
}

impl FakePostgres {
    pub(crate) fn new() -> FakePostgres {
        let directory = tempfile::tempdir().unwrap();
        copy_program("/bin/bash", directory.path().join("postgres"));
        copy_program("/bin/sleep", directory.path().join("backend"));
        FakePostgres { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("postgres")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A shell command that starts a fake postmaster in the background: it says `postmaster <pid>`, then `pm <signal>`
    /// for each signal that it gets, and ends at those in `obeys`.
    ///
    /// A shell ignores SIGINT and SIGQUIT in what it puts in the background; env(1) undoes that. Traps interrupt `wait` at
    /// once: on a busy machine a program in the foreground may take longer than init leaves between two signals.
    pub(crate) fn start(&self, obeys: &str) -> String {
        let script = format!(
            "for s in INT QUIT TERM HUP USR1 USR2; do \
               case \" {obeys} \" in *\" $s \"*) e=exit;; *) e=:;; esac; \
               trap \"echo pm $s; $e\" $s; \
             done; echo postmaster $$; while :; do {} 0.1 & wait $!; done",
            self.directory.path().join("backend").display()
        );
        format!(
            "env --default-signal=INT,QUIT {} -c '{}' & ",
            self.path().display(),
            script
        )
    }
}

pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

/// A copy of the binary where every user may execute it.
pub(crate) fn public_copy(directory: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory, mode).unwrap();
    let copy = directory.join("gp-agent");
    copy_program(GP_AGENT, &copy);
    copy
}

pub(crate) fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}
