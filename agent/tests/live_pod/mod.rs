//! A pod of this machine: init, agent and a PostgreSQL on a directory of the test's choice.

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

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Says so past the test runner, which hides what a passing test prints.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped("only root can run a pod as another user");
    }
    root
}

/// A place for a pod, which another user may look into.
pub(crate) fn base() -> TempDir {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
    base
}

/// An empty directory of the pod's user.
pub(crate) fn folder(path: &Path) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    give(path);
    path.to_path_buf()
}

/// As the pod is to be.
pub(crate) struct Plan {
    pub base: TempDir,
    pub volume: PathBuf,
    /// Lines for cluster.yaml.
    pub more: String,
    pub environment: Vec<(String, OsString)>,
    /// What init is started by, as root and with its arguments, such as a shell that enters a cgroup.
    pub through: Vec<OsString>,
}

impl Plan {
    /// On a directory of this machine's disk.
    pub(crate) fn new(more: &str) -> Plan {
        let base = base();
        let volume = folder(&base.path().join("volume"));
        Plan {
            base,
            volume,
            more: more.into(),
            environment: Vec::new(),
            through: Vec::new(),
        }
    }
}

/// init, agent and server.
pub(crate) struct Pod {
    init: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    port: u16,
    environment: Vec<(String, OsString)>,
    pub volume: PathBuf,
    pub base: TempDir,
}

impl Pod {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(plan: Plan) -> Pod {
        let mut pod = Pod::begin(plan);
        pod.wait_until_ready();
        pod
    }

    /// Starts it.
    pub(crate) fn begin(plan: Plan) -> Pod {
        make_database(&plan.volume.join("gpseg-1"));
        let port = free_ports();
        let mut init = start_init(&plan, port);
        Pod {
            lines: lines_of(&mut init),
            init,
            said: Vec::new(),
            port,
            environment: plan.environment,
            volume: plan.volume,
            base: plan.base,
        }
    }

    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_until("it is ready", |pod| pod.readiness().0 == 200);
    }

    /// Changes the lines for cluster.yaml.
    pub(crate) fn configure(&self, more: &str) {
        let text = configuration(&self.volume, more, self.port);
        fs::write(self.base.path().join("cluster.yaml"), text).unwrap();
    }

    /// The container ends, and another one begins.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.log();
        let mut command = agent(self.base.path());
        self.init = spawn_init(&mut command, &self.environment);
        self.lines = lines_of(&mut self.init);
    }

    /// The database's port.
    pub(crate) fn database(&self) -> u16 {
        self.port + 1
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Pod) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let ended = self.init.try_wait().unwrap();
            let status = get(self.port, "/status").map(|(_, text)| text).unwrap_or_default();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}\n{status}\n{}",
                self.log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Status code and words of /readyz; 0 while nobody answers.
    pub(crate) fn readiness(&self) -> (u16, String) {
        let answer = get(self.port, "/readyz");
        answer.map_or((0, String::new()), |(code, why)| (code, why.trim().to_string()))
    }

    pub(crate) fn status(&self) -> Value {
        let text = get(self.port, "/status").map_or("null".into(), |(_, text)| text);
        serde_json::from_str(&text).unwrap()
    }

    /// What the finding says that has these words.
    pub(crate) fn finding(&self, words: &str) -> Option<Value> {
        let status = self.status();
        let findings = status["findings"].as_array()?;
        let has = |f: &&Value| f["what"].as_str().is_some_and(|what| what.contains(words));
        findings.iter().find(has).cloned()
    }

    pub(crate) fn wait_for_finding(&mut self, words: &str) -> Value {
        self.wait_until(words, |pod| pod.finding(words).is_some());
        let finding = self.finding(words).unwrap();
        println!("{} {}: {}", finding["severity"], finding["subject"], finding["what"]);
        finding
    }

    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        metric(self.port, name)
    }

    /// What psql says to this, as the cluster's superuser.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.try_to_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same where it may fail.
    pub(crate) fn try_to_ask(&self, sql: &str) -> Result<String, String> {
        let port = self.database().to_string();
        let out = as_user(Path::new("psql"))
            .env("PATH", programs())
            .args(["-XAtq", "-h", "127.0.0.1", "-d", "postgres", "-p", &port, "-c", sql])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        match out.status.success() {
            true => Ok(text(&out.stdout)),
            false => Err(text(&out.stderr)),
        }
    }

    /// Runs `gp-agent` with these words in the pod; its exit code and what it says.
    pub(crate) fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let out = agent(self.base.path()).args(words).output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn has_never_said(&mut self, words: &str) {
        let log = self.log();
        assert!(!log.contains(words), "{log}");
    }

    pub(crate) fn log(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.join("\n")
    }

    /// Asks init to end and gives its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.init), Signal::TERM).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.init.try_wait().unwrap() {
                return ended.code();
            }
            assert!(begun.elapsed() < PATIENCE, "init does not end:\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
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

fn start_init(plan: &Plan, port: u16) -> Child {
    let base = plan.base.path();
    folder(&base.join("run"));
    // Where the repository lies the other user may not look.
    copy_program(env!("CARGO_BIN_EXE_gp-agent"), base.join("gp-agent"));
    fs::write(base.join("cluster.yaml"), configuration(&plan.volume, &plan.more, port)).unwrap();
    let mut command = agent(base);
    if let Some((program, arguments)) = plan.through.split_first() {
        let mut outer = Command::new(program);
        outer.args(arguments).arg(command.get_program());
        for (name, value) in command.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        command = outer;
    }
    spawn_init(&mut command, &plan.environment)
}

fn spawn_init(command: &mut Command, environment: &[(String, OsString)]) -> Child {
    command
        .args(["init", "--grace", "10"])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it says, a line at a time.
fn lines_of(init: &mut Child) -> Receiver<String> {
    let stderr = init.stderr.take().unwrap();
    let (into, lines) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        lines.map(|line| into.send(line)).all(|sent| sent.is_ok())
    });
    lines
}

fn agent(base: &Path) -> Command {
    let mut command = as_user(&base.join("gp-agent"));
    command
        .env("GP_AGENT_LOG_FORMAT", "json")
        .env("PATH", programs())
        .env("GP_AGENT_CONFIG", base.join("cluster.yaml"))
        .env("GP_AGENT_RUN_DIR", base.join("run"))
        .env("GP_AGENT_HOST_NAME", "coordinator-0");
    command
}

fn configuration(volume: &Path, more: &str, port: u16) -> String {
    format!(
        "cluster: w\nengine: postgres\ndomain: w.test\ncoordinator: {{ port: {} }}\nsegments: {{ count: 1 }}\n\
         http: {{ port: {port} }}\nshutdown: {{ graceSeconds: 10 }}\nstorage: {{ path: {}, require: any }}\n{more}\n",
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
pub(crate) fn programs() -> OsString {
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let mut path = OsString::from(postgres.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

pub(crate) fn as_user(program: &Path) -> Command {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let mut command = Command::new(program);
    command.current_dir("/").uid(user.uid.as_raw()).gid(user.gid.as_raw());
    command
}

pub(crate) fn give(path: &Path) {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
}

/// Two neighbours, below those that the kernel hands out and above those of other tests.
fn free_ports() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let base = 10_001 + (std::process::id() % 1000) as u16 * 16;
    base + USED.fetch_add(2, Ordering::Relaxed)
}
