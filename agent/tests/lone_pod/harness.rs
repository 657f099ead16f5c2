//! A coordinator's pod of one, with a PostgreSQL of this machine: init, agent and server on a directory that a test gives.

use crate::http_get::{get, metric};
use crate::programs::copy_program;
use gp_agent::internals::engine::Tools;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Says so past the test runner, which hides what a passing test prints.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// What belongs to a pod beside its volume.
pub(crate) struct Place {
    base: TempDir,
    /// The volume; a test may mount something there.
    pub volume: PathBuf,
    port: u16,
}

impl Place {
    pub(crate) fn new() -> Place {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let volume = base.path().join("volume");
        let run = base.path().join("run");
        for folder in [&volume, &run] {
            fs::create_dir(folder).unwrap();
            give(folder);
        }
        let program = base.path().join("gp-agent");
        copy_program(env!("CARGO_BIN_EXE_gp-agent"), &program);
        let place = Place {
            volume,
            base,
            port: free_ports(),
        };
        fs::write(place.config(), place.configuration()).unwrap();
        place
    }

    /// Somewhere else, of the server's user, on the same file system.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.base.path().join("run")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.volume.join("gpseg-1")
    }

    /// Made beforehand: the agent would wait for the names of all pods before it makes one.
    pub(crate) fn make_database(&self) {
        let made = as_user(&Tools::find(None).unwrap().path("initdb"))
            .args(["-U", "nobody", "-A", "trust", "--no-sync", "-D"])
            .arg(self.dir())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
    }

    /// Rewrites the configuration.
    pub(crate) fn require(&self, what: &str) {
        let text = self
            .configuration()
            .replace("require: any", &format!("require: {what}"));
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.base.path().join("cluster.yaml")
    }

    fn configuration(&self) -> String {
        format!(
            "cluster: w\nengine: postgres\ndomain: w.test\ncoordinator: {{ port: {} }}\nsegments: {{ count: 1 }}\n\
             http: {{ port: {} }}\nshutdown: {{ graceSeconds: 10 }}\n\
             storage: {{ path: {}, require: any }}\n",
            self.port + 1,
            self.port,
            self.volume.display()
        )
    }

    pub(crate) fn start(&self) -> Pod {
        let mut init = as_user(&self.base.path().join("gp-agent"))
            .args(["init", "--grace", "10", "--watchdog", "10"])
            .env("GP_AGENT_LOG_FORMAT", "json")
            .env("PATH", programs())
            .env("GP_AGENT_CONFIG", self.config())
            .env("GP_AGENT_RUN_DIR", self.base.path().join("run"))
            .env("GP_AGENT_HOST_NAME", "coordinator-0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = init.stderr.take().unwrap();
        let (into, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.map(|line| into.send(line)).all(|sent| sent.is_ok())
        });
        Pod {
            init,
            lines,
            said: Vec::new(),
            port: self.port,
        }
    }
}

/// init, agent and server.
pub(crate) struct Pod {
    init: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    port: u16,
}

impl Pod {
    pub(crate) fn status(&self) -> Option<Value> {
        let (_, text) = get(self.port, "/status")?;
        serde_json::from_str(&text).ok()
    }

    pub(crate) fn wait(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if let Some(status) = status.as_ref().filter(|status| holds(status)) {
                return status.clone();
            }
            let ended = self.init.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}\n{status:#?}\n{}",
                self.log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn wait_running(&mut self) -> Value {
        self.wait("it runs", |s| s["phase"] == "running")
    }

    pub(crate) fn error_count(&self) -> Option<f64> {
        metric(self.port, "gp_agent_findings{severity=\"error\"}")
    }

    pub(crate) fn kill_agent(&mut self) {
        let log = self.log();
        let started = log
            .lines()
            .rfind(|line| line.contains("the agent started pid="))
            .unwrap();
        let pid = started.split("pid=").nth(1).unwrap().split(' ').next().unwrap();
        send(pid.parse().unwrap(), Signal::KILL);
    }

    /// Asks init to end and gives its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        send(self.init.id().cast_signed(), Signal::TERM);
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.init.try_wait().unwrap() {
                return ended.code();
            }
            assert!(begun.elapsed() < PATIENCE, "init does not end:\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn log(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.join("\n")
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        if self.init.try_wait().is_ok_and(|end| end.is_none()) {
            self.end();
        }
    }
}

/// PATH with the directory first that holds all of PostgreSQL's programs, where others have links to some of them.
fn programs() -> OsString {
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let mut path = OsString::from(postgres.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

/// Servers refuse root.
pub(crate) fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if nix::unistd::geteuid().is_root() {
        let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

pub(crate) fn give(path: &Path) {
    if nix::unistd::geteuid().is_root() {
        let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

/// Two neighbours, below those that the kernel hands out.
fn free_ports() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + (std::process::id() % 2500) as u16 * 8;
    base + USED.fetch_add(2, Ordering::Relaxed)
}
