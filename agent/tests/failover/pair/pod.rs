//! A pod of the pair: init, agent and server.

use crate::http_get::get_from;
use crate::pair::network::{DOMAIN, Network};
use crate::pair::pods::Plan;
use crate::pair::processes::{Processes, send};
use crate::pair::psql::{PORT, psql};
use crate::pod_user::{as_user, folder, path};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No test needs this long; it only turns a hang into a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

const HTTP: u16 = 8008;

/// Enters the pod's PID namespace, with a /tmp of its own, as the user that servers accept.
const ENTER: &str =
    "mount -t tmpfs -o mode=1777 tmpfs /tmp && exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- \"$@\"";

/// The name of a pod.
pub(crate) fn name(number: usize) -> String {
    format!("coordinator-{number}")
}

/// init, agent and server.
pub(crate) struct Pod {
    pub(crate) number: usize,
    network: Arc<Network>,
    base: PathBuf,
    running: Option<Child>,
    said: Arc<Mutex<Vec<String>>>,
    of_segment: bool,
}

impl Pod {
    /// A pod that begins on an empty volume.
    pub(crate) fn begin(number: usize, network: &Arc<Network>, base: &Path, plan: &Plan) -> Pod {
        let mut pod = Pod {
            number,
            network: network.clone(),
            base: base.to_path_buf(),
            running: None,
            said: Arc::default(),
            of_segment: plan.segment,
        };
        folder(&pod.volume());
        folder(&pod.run());
        pod.configure(plan);
        pod.start();
        pod
    }

    /// Its volume.
    pub(crate) fn volume(&self) -> PathBuf {
        self.base.join(format!("volume-{}", self.number))
    }

    /// Its data directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.volume().join(if self.of_segment { "gpseg0" } else { "gpseg-1" })
    }

    fn run(&self) -> PathBuf {
        self.base.join(format!("run-{}", self.number))
    }

    fn config(&self) -> PathBuf {
        self.base.join(format!("cluster-{}.yaml", self.number))
    }

    /// Writes cluster.yaml.
    pub(crate) fn configure(&self, plan: &Plan) {
        fs::write(self.config(), self.configuration(plan)).unwrap();
    }

    /// In this pod's cluster.yaml alone the record is in that folder beside the one of both.
    pub(crate) fn seek_record_in(&self, folder_of_it: &str) {
        let there = self.base.join(folder_of_it);
        folder(&there);
        let text = fs::read_to_string(self.config()).unwrap();
        let both = self.base.join("authority").display().to_string();
        fs::write(self.config(), text.replace(&both, &there.display().to_string())).unwrap();
    }

    fn configuration(&self, plan: &Plan) -> String {
        format!(
            "cluster: w\nengine: postgres\ndomain: {DOMAIN}\ncoordinator: {{ standby: true, port: {PORT} }}\n\
             segments: {{ count: 1{} }}\nhttp: {{ port: {HTTP} }}\nshutdown: {{ graceSeconds: 20 }}\n\
             hba: {{ extra: [ \"host all all 10.0.0.0/8 trust\" ] }}\n\
             storage: {{ path: {}, require: any }}\n\
             failover: {{ authority: file, directory: {}{} }}\n{}\n",
            if plan.segment { ", mirrors: segment-b" } else { "" },
            self.volume().display(),
            self.base.join("authority").display(),
            plan.failover,
            plan.more,
        )
    }

    /// The container begins.
    pub(crate) fn start(&mut self) {
        let mut init = Command::new("ip")
            .args(["netns", "exec", &self.network.space(self.number)])
            .args([
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--",
            ])
            .args(["sh", "-c", ENTER, "sh"])
            .arg(self.base.join("gp-agent"))
            .args(["init", "--grace", "20"])
            .current_dir("/")
            .envs(self.environment())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stderr, said) = (init.stderr.take().unwrap(), self.said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                said.lock().unwrap().push(line);
            }
        });
        self.running = Some(init);
    }

    fn host_name(&self) -> String {
        match (self.of_segment, self.number) {
            (false, number) => name(number),
            (true, 0) => "segment-a-0".into(),
            (true, _) => "segment-b-0".into(),
        }
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("GP_AGENT_LOG_FORMAT", "json".into()),
            ("PATH", path()),
            ("GP_AGENT_CONFIG", self.config().into()),
            ("GP_AGENT_RUN_DIR", self.run().into()),
            ("GP_AGENT_HOST_NAME", self.host_name().into()),
        ]
    }

    /// Runs `gp-agent` with these words beside the agent; whether it went well, and what it says.
    pub(crate) fn agent(&self, words: &[&str]) -> (bool, String) {
        let out = as_user(&self.base.join("gp-agent"))
            .args(words)
            .envs(self.environment())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        (out.status.success(), said)
    }

    /// What a person types in the pod; whether it went well, and what was said.
    pub(crate) fn shell(&self, line: &str) -> (bool, String) {
        let init = self.init().expect("the pod does not run").to_string();
        let path = [self.base.clone().into(), path()].join(&OsString::from(":"));
        let out = Command::new("nsenter")
            .args(["-m", "-p", "-n", "-t", &init, "--"])
            .args(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
            .args(["sh", "-ec", line])
            .envs(self.environment())
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        (out.status.success(), said)
    }

    fn init(&self) -> Option<i32> {
        let unshare = self.running.as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    fn processes(&self) -> Processes {
        self.init().map(Processes::of_pod).unwrap_or_default()
    }

    /// Freezes every process of the pod.
    pub(crate) fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// And goes on.
    pub(crate) fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, signal: Signal) {
        // What was forked meanwhile is met by the second round.
        for _ in 0..2 {
            self.processes().signal(signal);
        }
    }

    /// Sends a signal to the agent alone.
    pub(crate) fn signal_agent(&self, signal: Signal) {
        self.processes().agent().signal(signal);
    }

    /// Sends a signal to the postmaster alone.
    pub(crate) fn signal_postmaster(&self, signal: Signal) {
        self.processes().postmaster().signal(signal);
    }

    /// Whether a process has these words in its title.
    pub(crate) fn runs_process(&self, words: &str) -> bool {
        self.processes().titled(words).count() > 0
    }

    /// How many processes of a server it has.
    pub(crate) fn server_processes(&self) -> usize {
        self.processes().of_server().count()
    }

    /// Sends a signal to all of them.
    pub(crate) fn signal_server(&self, signal: Signal) {
        self.processes().of_server().signal(signal);
    }

    /// In this pod's eyes the record's directory is an empty one that nobody may write to.
    pub(crate) fn hide_authority(&self) {
        self.mount(&["mount", "-t", "tmpfs", "-o", "ro,mode=0555", "tmpfs"]);
    }

    pub(crate) fn show_authority(&self) {
        self.mount(&["umount", "-l"]);
    }

    fn mount(&self, words: &[&str]) {
        let init = self.init().expect("the pod does not run").to_string();
        let done = Command::new("nsenter")
            .args(["-m", "-p", "-t", &init])
            .args(words)
            .arg(self.base.join("authority"))
            .status();
        assert!(done.unwrap().success());
    }

    /// SIGKILL for the whole pod at once, as a node does that loses power.
    pub(crate) fn kill(&mut self) {
        if let Some(init) = self.init() {
            send(init, Signal::KILL);
        }
        if let Some(mut child) = self.running.take() {
            let _ = child.wait();
        }
    }

    /// SIGTERM, as from `docker stop`.
    pub(crate) fn ask_to_end(&self) {
        if let Some(init) = self.init() {
            send(init, Signal::TERM);
        }
    }

    /// Waits for the end of the container.
    pub(crate) fn wait_end(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(
                begun.elapsed() < PATIENCE,
                "{} does not end:\n{}",
                name(self.number),
                self.log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn status(&self) -> Option<Value> {
        let (_, text) = get_from((self.network.address_of(self.number), HTTP).into(), "/status")?;
        serde_json::from_str(&text).ok()
    }

    /// Whether the agent counts as alive.
    /// What it answers on /metrics.
    pub(crate) fn metrics(&self) -> String {
        let answer = get_from((self.network.address_of(self.number), HTTP).into(), "/metrics");
        answer.map(|(_, text)| text).unwrap_or_default()
    }

    pub(crate) fn is_live(&self) -> bool {
        let code = get_from((self.network.address_of(self.number), HTTP).into(), "/livez");
        code.is_some_and(|(code, _)| code == 200)
    }

    /// Whether it takes writes.
    pub(crate) fn is_writable(&self) -> bool {
        self.ask("select not pg_is_in_recovery()").as_deref() == Ok("t")
    }

    /// What psql says to this, asked over the network.
    pub(crate) fn ask(&self, sql: &str) -> Result<String, String> {
        psql(&self.network.target(&[self.number]), sql)
    }

    pub(crate) fn log(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    pub(crate) fn has_said(&self, words: &str) -> bool {
        self.log().contains(words)
    }
}
