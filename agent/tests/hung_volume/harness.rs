//! A pod with a PostgreSQL of this machine, on a volume that can be made to hang.

use crate::http_get::{get, metric};
use crate::programs::copy_program;
use gp_agent::internals::engine::Tools;
use nix::mount::{MntFlags, umount2};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn pid(child: &Child) -> i32 {
    child.id().cast_signed()
}

/// Says so past the test runner, which hides what a passing test prints.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A directory shown by bindfs(1), which can be stopped.
pub(crate) struct Volume {
    server: Child,
    mount: PathBuf,
}

impl Volume {
    fn mount(base: &Path) -> Option<Volume> {
        let (folder, mount) = (base.join("folder"), base.join("volume"));
        for path in [&folder, &mount] {
            fs::create_dir(path).unwrap();
            give(path);
        }
        let device = fs::metadata(&mount).unwrap().dev();
        let mut server = Command::new("bindfs")
            .args(["-f", "-o", "allow_other"])
            .args([&folder, &mount])
            .stdin(Stdio::null())
            .spawn()
            .ok()?;
        while fs::metadata(&mount).unwrap().dev() == device {
            if server.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        Some(Volume { server, mount })
    }

    /// From now on whatever touches the volume waits.
    pub(crate) fn stop(&self) {
        send(pid(&self.server), Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        send(pid(&self.server), Signal::CONT);
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

/// What the agent said at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    at: Duration,
    live: Option<u16>,
    pub ready: Option<u16>,
    pub why: String,
    status: Option<u16>,
}

/// init, agent and server. Dropped before the volume, which lets them end.
pub(crate) struct Pod {
    init: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    port: u16,
    begun: Instant,
    seen: Vec<Seen>,
    pub volume: Volume,
    _base: TempDir,
}

impl Pod {
    /// `None` where such a pod cannot be had; the reason was said.
    pub(crate) fn start() -> Option<Pod> {
        if !nix::unistd::geteuid().is_root() {
            skipped("only root can show a volume to another user");
            return None;
        }
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let Some(volume) = Volume::mount(base.path()) else {
            skipped("there is no bindfs(1), or FUSE is missing");
            return None;
        };
        let port = free_ports();
        let mut init = start_init(base.path(), &volume.mount, port);
        let stderr = init.stderr.take().unwrap();
        let (into, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.map(|line| into.send(line)).all(|sent| sent.is_ok())
        });
        Some(Pod {
            init,
            lines,
            said: Vec::new(),
            port,
            begun: Instant::now(),
            seen: Vec::new(),
            volume,
            _base: base,
        })
    }

    /// One round of questions.
    pub(crate) fn sample(&mut self) -> Seen {
        std::thread::sleep(PAUSE);
        let at = self.begun.elapsed();
        let ready = get(self.port, "/readyz");
        let seen = Seen {
            at,
            live: get(self.port, "/livez").map(|(code, _)| code),
            ready: ready.as_ref().map(|(code, _)| *code),
            why: ready.map_or(String::new(), |(_, why)| why.trim().to_string()),
            status: get(self.port, "/status").map(|(code, _)| code),
        };
        self.tell(&seen);
        self.seen.push(seen.clone());
        seen
    }

    /// A line for each second, and for each change, for those who want to read it.
    fn tell(&self, seen: &Seen) {
        let code = |code: Option<u16>| code.map_or("---".to_string(), |code| code.to_string());
        let differs = self.seen.last().is_none_or(|last| {
            (last.live, last.ready, last.at.as_secs()) != (seen.live, seen.ready, seen.at.as_secs())
        });
        if differs {
            println!(
                "{:6.1} s  livez {}  status {}  readyz {} {}",
                seen.at.as_secs_f64(),
                code(seen.live),
                code(seen.status),
                code(seen.ready),
                seen.why
            );
        }
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) {
        println!("until {what}:");
        let begun = Instant::now();
        while !holds(&self.sample()) {
            let ended = self.init.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}\n{}",
                self.log()
            );
        }
        if what == "it is ready" {
            self.forget_samples();
        }
    }

    pub(crate) fn wait_until_status(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !holds(&self.status()) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.log());
            self.sample();
        }
    }

    pub(crate) fn forget_samples(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn was_always_alive(&self) {
        let dead: Vec<&Seen> = self
            .seen
            .iter()
            .filter(|seen| (seen.live, seen.status) != (Some(200), Some(200)))
            .collect();
        assert!(dead.is_empty() && !self.seen.is_empty(), "{dead:?}");
    }

    pub(crate) fn status(&self) -> Value {
        let (_, text) = get(self.port, "/status").unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        metric(
            self.port,
            &format!("{name}{{path=\"{}\"}}", self.volume.mount.display()),
        )
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
        send(pid(&self.init), Signal::TERM);
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.init.try_wait().unwrap() {
                return ended.code();
            }
            assert!(begun.elapsed() < PATIENCE, "init does not end:\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn has_never_said(&mut self, words: &str) {
        let log = self.log();
        assert!(!log.contains(words), "{log}");
    }

    fn log(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.join("\n")
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        self.volume.go_on();
        if self.init.try_wait().is_ok_and(|end| end.is_none()) {
            self.end();
        }
    }
}

fn start_init(base: &Path, volume: &Path, port: u16) -> Child {
    let run = base.join("run");
    fs::create_dir(&run).unwrap();
    give(&run);
    make_database(&volume.join("gpseg-1"));
    let program = base.join("gp-agent");
    copy_program(env!("CARGO_BIN_EXE_gp-agent"), &program);
    let config = base.join("cluster.yaml");
    fs::write(&config, configuration(volume, port)).unwrap();
    as_user(&program)
        .args(["init", "--grace", "10", "--watchdog", "5"])
        .env("GP_AGENT_LOG_FORMAT", "json")
        .env("PATH", programs())
        .env("GP_AGENT_CONFIG", &config)
        .env("GP_AGENT_RUN_DIR", &run)
        .env("GP_AGENT_HOST_NAME", "coordinator-0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn configuration(volume: &Path, port: u16) -> String {
    format!(
        "cluster: w\nengine: postgres\ndomain: w.test\ncoordinator: {{ port: {} }}\nsegments: {{ count: 1 }}\n\
         http: {{ port: {port} }}\nshutdown: {{ graceSeconds: 10 }}\nstorage: {{ path: {}, require: any }}\n",
        port + 1,
        volume.display()
    )
}

/// Made beforehand: the agent would wait for the names of all pods before it makes one.
fn make_database(directory: &Path) {
    let made = as_user(&Tools::find(None).unwrap().path("initdb"))
        .args(["-U", "nobody", "-A", "trust", "--no-sync", "-D"])
        .arg(directory)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

/// PATH with the directory first that holds all of PostgreSQL's programs, where others have links to some of them.
fn programs() -> OsString {
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let mut path = OsString::from(postgres.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

fn as_user(program: &Path) -> Command {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let mut command = Command::new(program);
    command.current_dir("/").uid(user.uid.as_raw()).gid(user.gid.as_raw());
    command
}

fn give(path: &Path) {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
}

/// Two neighbours, below those that the kernel hands out.
fn free_ports() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + (std::process::id() % 2500) as u16 * 8;
    base + USED.fetch_add(2, Ordering::Relaxed)
}
