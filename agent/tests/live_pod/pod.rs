//! A running container: init, agent and server; what they say, and what is done to them.

use crate::http_get::{get, metric};
use crate::machine::send;
use crate::place::Place;
use crate::pod_user::{as_user, user};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Ends with the value.
pub(crate) struct Pod {
    init: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    pub place: Rc<Place>,
}

impl Pod {
    /// Prepares the place, starts a container there and waits until it is ready.
    pub(crate) fn start(place: Place) -> Pod {
        let mut pod = Pod::begin(place);
        pod.wait_until_ready();
        pod
    }

    /// Prepares the place and starts a container there.
    pub(crate) fn begin(place: Place) -> Pod {
        place.prepare();
        Pod::on(&Rc::new(place))
    }

    /// Starts a container at a place as it is.
    pub(crate) fn on(place: &Rc<Place>) -> Pod {
        let mut init = place.spawn_init();
        Pod {
            lines: lines_of(&mut init),
            init,
            said: Vec::new(),
            place: Rc::clone(place),
        }
    }

    /// The container ends, and another one begins.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.log();
        self.init = self.place.spawn_init();
        self.lines = lines_of(&mut self.init);
    }

    /// The database's port.
    pub(crate) fn database(&self) -> u16 {
        self.place.port + 1
    }

    /// Looks again and again until something is found.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut find: impl FnMut(&Pod) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            let ended = self.init.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}\n{:#}\n{}",
                self.status(),
                self.log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Pod) -> bool) {
        self.wait_for(what, |pod| holds(pod).then_some(()));
    }

    /// Until the agent answers with such a status; that.
    pub(crate) fn wait_for_status(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(what, |pod| Some(pod.status()).filter(|s| !s.is_null() && holds(s)))
    }

    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_until("it is ready", |pod| pod.readiness().0 == 200);
    }

    pub(crate) fn wait_until_running(&mut self) -> Value {
        self.wait_for_status("it runs", |s| s["phase"] == "running")
    }

    /// Status code and words of /readyz; 0 while nobody answers.
    pub(crate) fn readiness(&self) -> (u16, String) {
        let answer = get(self.place.port, "/readyz");
        answer.map_or((0, String::new()), |(code, why)| (code, why.trim().to_string()))
    }

    /// Null while nobody answers.
    pub(crate) fn status(&self) -> Value {
        let text = get(self.place.port, "/status").map_or("null".into(), |(_, text)| text);
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
        let finding = self.wait_for(words, |pod| pod.finding(words));
        println!("{} {}: {}", finding["severity"], finding["subject"], finding["what"]);
        finding
    }

    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        metric(self.place.port, name)
    }

    /// What psql says to this, as the cluster's superuser.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.try_to_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same where it may fail.
    pub(crate) fn try_to_ask(&self, sql: &str) -> Result<String, String> {
        let user = user().name;
        self.psql(&format!("host=127.0.0.1 user={user}"), sql)
    }

    /// What psql says to whom connects like that.
    pub(crate) fn psql(&self, how: &str, sql: &str) -> Result<String, String> {
        let to = format!("port={} dbname=postgres connect_timeout=10 {how}", self.database());
        let out = as_user(Path::new("psql"))
            // Certificates of whoever runs the tests are not the client's.
            .env_remove("HOME")
            .args(["-XAtqw", "-d", &to, "-c", sql])
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
        let out = self.place.agent().args(words).output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The process ID of init, outside of the pod.
    pub(crate) fn init(&self) -> u32 {
        self.init.id()
    }

    pub(crate) fn agent(&mut self) -> i32 {
        let log = self.log();
        let mut lines = log.lines();
        let started = lines.rfind(|line| line.contains("the agent started pid=")).unwrap();
        let pid = started.split("pid=").nth(1).unwrap().split(' ').next().unwrap();
        pid.parse().unwrap()
    }

    pub(crate) fn kill_agent(&mut self) {
        send(self.agent(), Signal::KILL);
    }

    pub(crate) fn kill_server(&self) {
        let server = self.status()["postmaster"]["pid"].as_i64().unwrap();
        send(i32::try_from(server).unwrap(), Signal::KILL);
    }

    pub(crate) fn has_never_said(&mut self, words: &str) {
        let log = self.log();
        assert!(!log.contains(words), "{log}");
    }

    fn log(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.join("\n")
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
