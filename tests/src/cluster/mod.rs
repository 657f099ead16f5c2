//! A cluster of containers, from empty volumes until it is dropped.

mod exec;
mod expect;
mod happen;
mod observe;
mod sweep;
mod with_greenplum;

pub use expect::postmaster;
pub use sweep::sweep;

use crate::settings::{Engine, Names, Settings};
use crate::{docker, greenplum, secret};
use anyhow::{Context, Result};
use rand::seq::SliceRandom;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The agent's port.
const HTTP: u16 = 8008;
/// Where the coordinators have their record.
const RECORD: &str = "/var/lib/gp-agent-failover";

/// Mounts and limits of `image/compose.yaml`.
const LIKE_COMPOSE: &[&str] = &[
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges:true",
    "--tmpfs=/tmp:mode=1777",
    "--tmpfs=/run/gp-agent:uid=1000,gid=1000,mode=0700",
    "--tmpfs=/home/gpadmin:uid=1000,gid=1000,mode=0700",
    "--shm-size=256m",
];

/// Containers, volumes, a network, a configuration and a Secret.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    dir: TempDir,
    settings: Settings,
    /// The pods in the order of the topology.
    pub pods: Vec<String>,
}

impl Cluster {
    /// Makes everything but the containers.
    ///
    /// # Errors
    /// What docker said.
    pub fn new(settings: Settings) -> Result<Cluster> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}-{count}", std::process::id());
        let cluster = Cluster {
            dir: tempfile::Builder::new().prefix("gp-agent-tests-").tempdir()?,
            pods: settings.pods(&name),
            settings,
            name,
        };
        let dirs = [
            cluster.config_dir(),
            cluster.secret_dir(),
            cluster.switches_dir(),
            cluster.sql_dir(),
            cluster.failover_dir(),
        ];
        for dir in dirs {
            fs::create_dir(&dir)?;
            // tempfile's own directory is closed to others; what is mounted has to be open to the pods' user.
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
        }
        // The pods' user writes there.
        fs::set_permissions(cluster.failover_dir(), fs::Permissions::from_mode(0o777))?;
        cluster.configure(&cluster.settings.clone())?;
        cluster.rotate_secret()?;
        docker::docker(&["network", "create", "--label", &label(), &cluster.domain()])?;
        for pod in &cluster.pods {
            docker::docker(&["volume", "create", "--label", &label(), &cluster.volume(pod)])?;
        }
        Ok(cluster)
    }

    /// Makes a cluster and waits until every pod is ready.
    ///
    /// # Errors
    /// What docker said, or what the pod that is not ready said last.
    pub fn up(settings: Settings) -> Result<Cluster> {
        let cluster = Cluster::new(settings)?;
        cluster.create_all()?;
        cluster.wait_all_ready()?;
        Ok(cluster)
    }

    /// Starts the containers of all pods for the first time.
    ///
    /// # Errors
    /// What docker said.
    pub fn create_all(&self) -> Result<()> {
        self.pods.iter().try_for_each(|pod| self.create(pod, &[]))
    }

    /// The image of its pods.
    pub fn image(&self) -> String {
        match self.settings.engine {
            Engine::Postgres => docker::image(),
            Engine::Greenplum => greenplum::image(),
        }
    }

    /// The network's name, which Docker's DNS appends to names in reverse lookups.
    pub fn domain(&self) -> String {
        format!("{}.test", self.name)
    }

    fn config_dir(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// The directory mounted as the SSH Secret.
    pub fn secret_dir(&self) -> PathBuf {
        self.dir.path().join("ssh-key")
    }

    /// The directory that the coordinators share.
    fn failover_dir(&self) -> PathBuf {
        self.dir.path().join("failover")
    }

    /// Puts a new user key in the Secret.
    ///
    /// # Errors
    /// What docker or ssh-keygen said.
    pub fn rotate_secret(&self) -> Result<()> {
        secret::rotate(&self.image(), &self.secret_dir())
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces cluster.yaml, as a changed ConfigMap does: by a rename, seen by all pods.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, settings: &Settings) -> Result<()> {
        let text = settings.yaml(&self.name, &self.domain());
        let new = self.config_dir().join(".new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, self.config_dir().join("cluster.yaml"))?)
    }

    /// The container of a pod.
    pub fn container(&self, pod: &str) -> String {
        match self.settings.names {
            Names::True => pod.to_string(),
            Names::WrongReverse => format!("{}-{pod}", self.name),
        }
    }

    fn volume(&self, pod: &str) -> String {
        format!("{}-volume", self.container(pod))
    }

    /// Starts a pod's container for the first time. `extra` arguments of `docker run` come last; what one of them mounts at
    /// /greenplum, or at the record's place, takes the place of the cluster's own.
    ///
    /// # Errors
    /// What docker said.
    pub fn create(&self, pod: &str, extra: &[&str]) -> Result<()> {
        self.create_from(&self.image(), pod, extra)
    }

    /// The same from another image.
    ///
    /// # Errors
    /// What docker said.
    pub fn create_from(&self, image: &str, pod: &str, extra: &[&str]) -> Result<()> {
        let (container, domain) = (self.container(pod), self.domain());
        let config = format!("{}:/etc/greenplum:ro", self.config_dir().display());
        let keys = format!("{}:/etc/ssh-key:ro", self.secret_dir().display());
        let volume = format!("{}:/greenplum", self.volume(pod));
        let label = label();
        let mut args = vec!["run", "--detach", "--name", &container, "--hostname", pod];
        args.extend(["--label", &label]);
        args.extend(["--network", &domain, "--network-alias", pod]);
        args.extend(["--volume", &config, "--volume", &keys]);
        if !mounts(extra, "/greenplum") {
            args.extend(["--volume", &volume]);
        }
        let record = format!("{}:{RECORD}", self.failover_dir().display());
        if self.settings.failover && pod.contains("coordinator-") && !mounts(extra, RECORD) {
            args.extend(["--volume", &record]);
        }
        let hosts = self.hosts_argument(pod)?;
        args.extend(hosts.iter().map(String::as_str));
        let greenplum = self.greenplum_arguments();
        args.extend(greenplum.iter().map(String::as_str));
        args.extend(LIKE_COMPOSE);
        args.extend(extra);
        args.push(image);
        docker::docker(&args).map(drop)
    }

    /// The pod whose name ends in `short`, such as `segment-a-0`.
    ///
    /// # Panics
    /// When there is none: the test is wrong.
    pub fn pod(&self, short: &str) -> &str {
        let found = self.pods.iter().find(|pod| pod.ends_with(short));
        found.unwrap_or_else(|| panic!("no pod is called {short}"))
    }

    /// The TCP port of a pod's postmaster.
    ///
    /// # Errors
    /// When its agent does not answer.
    pub fn port(&self, pod: &str) -> Result<u64> {
        self.status(pod)?["port"].as_u64().context("no port")
    }

    /// `docker kill`, `start`, `stop` and their like, for one pod.
    ///
    /// # Errors
    /// What docker said.
    pub fn container_do(&self, verb: &[&str], pod: &str) -> Result<()> {
        let container = self.container(pod);
        docker::docker(&[verb, &[&container]].concat()).map(drop)
    }

    /// One field of `docker inspect`.
    ///
    /// # Errors
    /// What docker said.
    pub fn inspect(&self, pod: &str, format: &str) -> Result<String> {
        docker::docker(&["inspect", "--format", format, &self.container(pod)])
    }

    /// Starts the containers of all pods, in random order.
    ///
    /// # Errors
    /// What docker said.
    pub fn start_shuffled(&self) -> Result<()> {
        let mut pods: Vec<&String> = self.pods.iter().collect();
        pods.shuffle(&mut rand::rng());
        for pod in &pods {
            self.container_do(&["start"], pod)?;
        }
        Ok(())
    }

    /// What the container wrote since it was made.
    pub fn logs(&self, pod: &str) -> String {
        let output = docker::output(&["logs", &self.container(pod)]);
        output.map_or_else(
            |error| format!("(no log: {error:#})"),
            |o| String::from_utf8_lossy(&[o.stdout, o.stderr].concat()).into_owned(),
        )
    }

    /// What the container wrote since then, a time as [`Cluster::now`] gives it.
    ///
    /// # Errors
    /// What docker said.
    pub fn logs_since(&self, pod: &str, since: &str) -> Result<String> {
        let output = docker::output(&["logs", "--since", since, &self.container(pod)])?;
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// The machine's time, for [`Cluster::logs_since`].
    ///
    /// # Errors
    /// When the clock is before 1970.
    pub fn now() -> Result<String> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        Ok(format!("{}.{:09}", now.as_secs(), now.subsec_nanos()))
    }
}

const LABEL: &str = "gp-agent-tests";

/// Marks what belongs to this process.
fn label() -> String {
    format!("{LABEL}={}", std::process::id())
}

/// Whether one of these arguments of `docker run` mounts something at `place` itself.
fn mounts(arguments: &[&str], place: &str) -> bool {
    let target = |part: &str| part.trim_start_matches("--tmpfs=") == place;
    arguments.iter().any(|argument| argument.split(':').any(target))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::env::var_os("GP_TESTS_KEEP").is_some() {
            self.dir.disable_cleanup(true);
            eprintln!("kept: the containers and volumes of {}", self.name);
            return;
        }
        for pod in &self.pods {
            let _ = docker::output(&["rm", "--force", "--volumes", &self.container(pod)]);
            let _ = docker::output(&["volume", "rm", "--force", &self.volume(pod)]);
        }
        let _ = docker::output(&["network", "rm", &self.domain()]);
        let _ = secret::clear(&self.image(), &self.secret_dir());
    }
}
