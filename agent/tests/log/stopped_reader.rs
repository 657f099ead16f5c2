//! A container whose log nobody reads.

use crate::http_get::{get, metric};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

const GP_AGENT: &str = env!("CARGO_BIN_EXE_gp-agent");

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that writes several times what the pipe takes, when it is told to, and then says that it could.
const SERVER: &str = r#"
IFS=, read -r r w <<< "$GP_AGENT_LOG_FDS"
(
    exec {r}<&- 1>&"$w" {w}>&- 2>/dev/null
    read -r go < "$DIR/gate"
    x=$(printf 'x%.0s' {1..900})
    for i in {1..5000}; do printf '1709251199.123 [7] 00000 u@d LOG:  n=%s %s\n' "$i" "$x"; done
    touch "$DIR/done"
) &
exec "$GP_AGENT" run
"#;

struct Unread {
    init: Child,
    stderr: Option<ChildStderr>,
    port: u16,
}

impl Unread {
    fn start(dir: &Path) -> Unread {
        let port = 30_000 + (std::process::id() % 2000) as u16;
        let config = dir.join("cluster.yaml");
        let text = format!(
            "cluster: w\nengine: postgres\ndomain: w.test\nsegments: {{ count: 1 }}\nhttp: {{ port: {port} }}\n\
             storage: {{ path: {}/none }}\n",
            dir.display()
        );
        fs::write(&config, text).unwrap();
        mknodat(CWD, dir.join("gate"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let mut init = Command::new(GP_AGENT)
            .args(["init", "--grace", "5", "--watchdog", "5", "--", "bash", "-c", SERVER])
            .env("GP_AGENT", GP_AGENT)
            .env("DIR", dir)
            .env("GP_AGENT_LOG_FORMAT", "json")
            .env("GP_AGENT_CONFIG", &config)
            .env("GP_AGENT_RUN_DIR", dir)
            .env("GP_AGENT_HOST_NAME", "segment-a-0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = init.stderr.take();
        Unread { init, stderr, port }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.init), signal).unwrap();
    }

    /// Waits for something while the agent has to answer all the time.
    fn lives_until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let live = get(self.port, "/livez").map(|(code, _)| code);
            assert_eq!(live, Some(200), "{what}");
            assert!(begun.elapsed() < PATIENCE, "never: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("{:5.1} s until {what}", begun.elapsed().as_secs_f64());
    }

    fn dropped(&self, source: &str) -> f64 {
        let name = format!("gp_agent_log_dropped_total{{source=\"{source}\"}}");
        metric(self.port, &name).unwrap()
    }
}

#[test]
fn neither_the_agent_nor_init_nor_a_server_waits_for_a_reader_that_has_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut pod = Unread::start(dir.path());
    let begun = Instant::now();
    while get(pod.port, "/livez").is_none() {
        assert!(begun.elapsed() < PATIENCE, "it does not start");
    }
    fs::write(dir.path().join("gate"), "go\n").unwrap();
    pod.lives_until("the server could write everything", || dir.path().join("done").exists());
    // The last of it may still be in the pipe: a busy machine lets the agent read it later.
    pod.lives_until("the agent dropped records of the server", || {
        pod.dropped("server") > 0.0
    });
    pod.lives_until("the agent dropped records of its own", || {
        pod.signal(Signal::USR1);
        pod.dropped("agent") > 0.0
    });
    // init logs each signal too; that it still forwards them shows that it does not wait.
    let stderr = pod.stderr.take().unwrap();
    let reader = std::thread::spawn(move || records(stderr));
    let begun = Instant::now();
    pod.lives_until("somebody reads again", || begun.elapsed() > Duration::from_millis(500));
    pod.signal(Signal::TERM);
    assert!(pod.init.wait().unwrap().success());
    read_again(&reader.join().unwrap());
}

fn records(stderr: ChildStderr) -> Vec<Value> {
    let lines = BufReader::new(stderr).lines().map(Result::unwrap);
    lines
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("torn: {e}: {line}")))
        .collect()
}

/// What came is in order, what is missing is said, and the end is there.
fn read_again(records: &[Value]) {
    let message = |record: &Value| record["message"].as_str().unwrap().to_string();
    let from_server = |record: &&Value| record["fields"]["source"] == "postgres";
    let numbers: Vec<u32> = records
        .iter()
        .filter(from_server)
        .map(|record| message(record)[2..].split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted() && numbers.len() < 5000, "{}", numbers.len());
    assert_eq!(numbers.last(), Some(&5000), "the newest are kept");
    let lost = |record| {
        let message = message(record);
        let number = message.split_once(" log records of the servers dropped")?.0;
        number.parse::<usize>().ok()
    };
    let lost: usize = records.iter().filter_map(lost).sum();
    assert_eq!(lost + numbers.len(), 5000);
    let own = |source: &str| {
        records
            .iter()
            .any(|r| r["fields"]["source"] == source && message(r).contains(" log records dropped: nobody read"))
    };
    assert!(own("agent"));
    assert!(message(records.last().unwrap()).starts_with("init ends: "));
}
