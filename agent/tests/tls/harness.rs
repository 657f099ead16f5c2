//! A pod with a PostgreSQL of this machine, and psql as its client.

use crate::http_get::get;
use crate::programs::copy_program;
use crate::secret::{Authority, Mounted};
use gp_agent::internals::engine::Tools;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// The client's role, which one hostssl line admits.
const CLIENT: &str = "client";

/// The agent, its server, and the Secret.
pub(crate) struct Pod {
    agent: Child,
    pub port: u16,
    pub secret: Mounted,
    base: TempDir,
}

impl Pod {
    /// With a Secret that holds something at the start. `None` where such a pod cannot be had; the reason was said.
    pub(crate) fn start(first: impl FnOnce(&mut Mounted)) -> Option<Pod> {
        if !nix::unistd::geteuid().is_root() {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: only root can give a Secret to another group"
            );
            return None;
        }
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["run", "volume"] {
            fs::create_dir(base.path().join(folder)).unwrap();
            give(&base.path().join(folder));
        }
        make_database(&base.path().join("volume/gpseg-1"));
        let mut secret = Mounted::at(&base.path().join("secret"), user().gid.as_raw());
        first(&mut secret);
        let port = free_ports();
        let agent = start_agent(base.path(), port);
        Some(Pod {
            agent,
            port,
            secret,
            base,
        })
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Pod) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let ended = self.agent.try_wait().unwrap();
            let log = || fs::read_to_string(self.base.path().join("log")).unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}\n{}",
                log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn ready(&self) -> bool {
        get(self.port, "/readyz").is_some_and(|(code, _)| code == 200)
    }

    pub(crate) fn status(&self) -> Value {
        let (_, text) = get(self.port, "/status").unwrap_or((0, "null".into()));
        serde_json::from_str(&text).unwrap()
    }

    /// What is found about the Secret.
    pub(crate) fn tls_findings(&self) -> Vec<String> {
        let status = self.status();
        let findings = status["findings"].as_array().into_iter().flatten();
        let secret = self.base.path().join("secret").display().to_string();
        let about = findings.filter(|finding| finding["subject"] == secret.as_str());
        about
            .map(|finding| finding["what"].as_str().unwrap().to_string())
            .collect()
    }

    /// A client that verifies the server's certificate and name (sslmode=verify-full).
    pub(crate) fn verified_by(&self, authority: &Authority) -> Result<(), String> {
        let root = self.base.path().join("root.crt");
        fs::write(&root, authority.pem()).unwrap();
        let how = format!("sslmode=verify-full sslrootcert={}", root.display());
        let said = self.psql(&how, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")?;
        assert_eq!(said, "t");
        Ok(())
    }

    pub(crate) fn unencrypted(&self) -> Result<String, String> {
        self.psql("sslmode=disable", "select 1")
    }

    fn psql(&self, how: &str, sql: &str) -> Result<String, String> {
        let to = format!(
            "host=localhost hostaddr=127.0.0.1 port={} user={CLIENT} dbname=postgres connect_timeout=10 {how}",
            self.port + 1
        );
        let output = Command::new("psql")
            .args(["-XAtw", "-d", &to, "-c", sql])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// What the server reads is nobody else's, wherever it came from.
    pub(crate) fn key_is_private(&self) {
        let key = fs::metadata(self.base.path().join("run/tls/current/server.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }

    pub(crate) fn kill_server(&self) {
        let server = self.status()["postmaster"]["pid"].as_i64().unwrap();
        send(i32::try_from(server).unwrap(), Signal::KILL);
    }

    /// Asks the agent to end and gives its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        send(self.agent.id().cast_signed(), Signal::TERM);
        self.agent.wait().unwrap().code()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if self.agent.try_wait().is_ok_and(|end| end.is_none()) {
            self.end();
        }
    }
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn start_agent(base: &Path, port: u16) -> Child {
    let config = base.join("cluster.yaml");
    let text = format!(
        "cluster: w\nengine: postgres\ndomain: w.test\ncoordinator: {{ port: {} }}\nsegments: {{ count: 1 }}\n\
         http: {{ port: {port} }}\nshutdown: {{ graceSeconds: 10 }}\nstorage: {{ path: {}, require: any }}\n\
         tls: {{ secret: {} }}\nhba: {{ extra: [ hostssl all {CLIENT} 127.0.0.1/32 trust ] }}\n",
        port + 1,
        base.join("volume").display(),
        base.join("secret").display(),
    );
    fs::write(&config, text).unwrap();
    let program = base.join("gp-agent");
    copy_program(env!("CARGO_BIN_EXE_gp-agent"), &program);
    as_user(&program)
        .arg("run")
        .env("GP_AGENT_CONFIG", &config)
        .env("GP_AGENT_RUN_DIR", base.join("run"))
        .env("GP_AGENT_HOST_NAME", "coordinator-0")
        .stdin(Stdio::null())
        .stderr(fs::File::create(base.join("log")).unwrap())
        .spawn()
        .unwrap()
}

/// Made beforehand, with the client's role: the agent would wait for the names of all pods before it makes one.
fn make_database(directory: &Path) {
    let postgres = Tools::find(None).unwrap();
    let made = as_user(&postgres.path("initdb"))
        .args([
            "-U",
            "nobody",
            "--auth-local=trust",
            "--auth-host=reject",
            "--no-sync",
            "-D",
        ])
        .arg(directory)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let mut single = as_user(&real(&postgres.path("postgres")))
        .args(["--single", "postgres", "-D"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(single.stdin.take().unwrap(), "create role {CLIENT} login").unwrap();
    assert!(single.wait().unwrap().success());
}

fn real(program: &Path) -> PathBuf {
    fs::canonicalize(program).unwrap()
}

fn user() -> nix::unistd::User {
    nix::unistd::User::from_name("nobody").unwrap().unwrap()
}

/// Without root's other groups: the Secret's is its own.
fn as_user(program: &Path) -> Command {
    let user = user();
    let mut command = Command::new(program);
    command.current_dir("/").uid(user.uid.as_raw()).gid(user.gid.as_raw());
    let postgres = real(&Tools::find(None).unwrap().path("postgres"));
    let path = [
        postgres.parent().unwrap().as_os_str(),
        &std::env::var_os("PATH").unwrap(),
    ];
    command.env("PATH", path.join(std::ffi::OsStr::new(":")));
    command
}

fn give(path: &Path) {
    let user = user();
    std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
}

/// Two neighbours, below those that the kernel hands out.
fn free_ports() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 2500).unwrap() * 8 + 2;
    base + USED.fetch_add(2, Ordering::Relaxed)
}
