//! What a pod is on, and what stays when its container ends: volume, configuration, environment.

use crate::machine::free_ports;
use crate::pod_user::{as_user, folder, user};
use crate::programs::copy_program;
use gp_agent::internals::engine::Tools;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A coordinator's pod of one.
pub(crate) struct Place {
    pub base: TempDir,
    /// A test may mount something there, or name another one.
    pub volume: PathBuf,
    /// Lines for cluster.yaml.
    pub more: String,
    pub environment: Vec<(String, OsString)>,
    /// What init is started by, as root and with its arguments, such as a shell that enters a cgroup.
    pub through: Vec<OsString>,
    /// After how many seconds without a beat init kills the agent.
    pub watchdog: u32,
    /// The agent's.
    pub port: u16,
}

impl Place {
    /// On a directory of this machine's disk.
    pub(crate) fn new(more: &str) -> Place {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder(&base.path().join("run"));
        // Where the repository lies the other user may not look.
        copy_program(env!("CARGO_BIN_EXE_gp-agent"), base.path().join("gp-agent"));
        Place {
            volume: folder(&base.path().join("volume")),
            base,
            more: more.into(),
            environment: Vec::new(),
            through: Vec::new(),
            watchdog: 30,
            port: free_ports(),
        }
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> PathBuf {
        self.volume.join("gpseg-1")
    }

    /// Somewhere else, of the server's user, on the disk of the machine.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.base.path().join("run")
    }

    /// Database and configuration. The database is made beforehand: the agent would wait for the names of all pods before it
    /// makes one.
    pub(crate) fn prepare(&self) {
        self.prepare_with(&["--auth=trust"]);
    }

    /// The same with options of initdb.
    pub(crate) fn prepare_with(&self, options: &[&str]) {
        let made = as_user(&Tools::find(None).unwrap().path("initdb"))
            .args(["-U", &user().name, "--no-sync", "-D"])
            .arg(self.dir())
            .args(options)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        self.configure(&self.more);
    }

    /// Writes cluster.yaml with these lines.
    pub(crate) fn configure(&self, more: &str) {
        self.write("any", more);
    }

    /// Writes it with another demand on the volume.
    pub(crate) fn require(&self, what: &str) {
        self.write(what, &self.more);
    }

    fn write(&self, require: &str, more: &str) {
        fs::write(self.config(), self.text(require, more)).unwrap();
    }

    /// Where cluster.yaml is.
    pub(crate) fn config(&self) -> PathBuf {
        self.base.path().join("cluster.yaml")
    }

    /// What stands in it by [`Place::prepare`].
    pub(crate) fn configuration(&self) -> String {
        self.text("any", &self.more)
    }

    fn text(&self, require: &str, more: &str) -> String {
        format!(
            "cluster: w\nengine: postgres\ndomain: w.test\ncoordinator: {{ port: {} }}\nsegments: {{ count: 1 }}\n\
             http: {{ port: {} }}\nshutdown: {{ graceSeconds: 10 }}\n\
             storage: {{ path: {}, require: {require} }}\n{more}\n",
            self.port + 1,
            self.port,
            self.volume.display()
        )
    }

    /// The program in the pod.
    pub(crate) fn agent(&self) -> Command {
        let base = self.base.path();
        let mut command = as_user(&base.join("gp-agent"));
        command
            .env("GP_AGENT_LOG_FORMAT", "json")
            .env("GP_AGENT_CONFIG", self.config())
            .env("GP_AGENT_RUN_DIR", self.elsewhere())
            .env("GP_AGENT_HOST_NAME", "coordinator-0");
        command
    }

    /// A container begins. Its log comes through standard error.
    pub(crate) fn spawn_init(&self) -> Child {
        let mut command = self.agent();
        if let Some((program, arguments)) = self.through.split_first() {
            let mut outer = Command::new(program);
            outer.args(arguments).arg(command.get_program());
            for (name, value) in command.get_envs() {
                outer.env(name, value.unwrap_or_default());
            }
            command = outer;
        }
        command
            .args(["init", "--grace", "10", "--watchdog", &self.watchdog.to_string()])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}
