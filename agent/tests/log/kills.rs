//! A server that logs while its agent is killed again and again.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const GP_AGENT: &str = env!("CARGO_BIN_EXE_gp-agent");

/// What the first agent leaves behind: a writer in the manner of PostgreSQL, one write(2) a message. Some messages have a
/// STATEMENT, some are longer than a pipe takes at once, some longer than a container runtime passes on.
const WRITER: &str = r#"
IFS=, read -r r w <<< "$GP_AGENT_LOG_FDS"
if [ "$GP_AGENT_RESTARTS" = 0 ]; then
    (
        exec {r}<&- 1>&"$w" {w}>&- 2>/dev/null
        long=$(printf 'x%.0s' {1..6000})
        for i in $(seq 1 "$LINES_TO_WRITE"); do
            p="1709251199.123 [$BASHPID] 00000 u@d"
            case $((i % 100)) in
                50) dd bs=1M status=none <<< "$p LOG:  n=$i $long" ;;
                75) dd bs=1M status=none <<< "$p LOG:  n=$i $long$long$long$long" ;;
                25) dd bs=1M status=none <<< "$p ERROR:  n=$i
$p STATEMENT:  select
	$i" ;;
                *) printf '%s LOG:  n=%s\n' "$p" "$i" ;;
            esac
        done
        printf '%s LOG:  last\n' "$p"
    ) &
fi
exec "$GP_AGENT" run
"#;

struct Init {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
    agent: Option<i32>,
    _dir: TempDir,
}

impl Init {
    fn start(format: &str, script: &str, lines: u32) -> Init {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("cluster.yaml");
        std::fs::write(&config, configuration(dir.path())).unwrap();
        let mut child = Command::new(GP_AGENT)
            .args(["init", "--grace", "5", "--", "bash", "-c", script])
            .env("LINES_TO_WRITE", lines.to_string())
            .env("GP_AGENT_LOG_FORMAT", format)
            .env("GP_AGENT_CONFIG", &config)
            .env("GP_AGENT_RUN_DIR", dir.path())
            .env("GP_AGENT_HOST_NAME", "segment-a-0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        Init {
            child,
            lines: BufReader::new(stderr).lines(),
            agent: None,
            _dir: dir,
        }
    }

    /// The next record, whoever wrote it.
    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.unwrap();
        let record: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let message = record["message"].as_str().unwrap();
        if let Some(rest) = message.strip_prefix("the agent started pid=") {
            let pid = rest.split(' ').next().unwrap();
            self.agent = Some(pid.parse().unwrap());
        }
        Some(record)
    }

    fn signal(&self, pid: i32, signal: Signal) {
        // One that has just ended is as good as killed.
        let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
    }

    fn kill_agent(&mut self) {
        let pid = self.agent.take().unwrap();
        self.signal(pid, Signal::KILL);
    }
}

/// A volume that is not there: the agent lives and waits for it.
fn configuration(dir: &Path) -> String {
    // Below those that the kernel hands out, so that nobody is given it before the agent opens it: an agent that cannot, ends.
    static USED: AtomicU32 = AtomicU32::new(0);
    let port = 10_000 + (std::process::id() * 8 + USED.fetch_add(1, Ordering::Relaxed)) % 20_000;
    format!(
        "cluster: w\nengine: postgres\ndomain: w.test\nsegments: {{ count: 1 }}\nhttp: {{ port: {port} }}\n\
         storage: {{ path: {}/none }}\n",
        dir.display()
    )
}

/// The numbers that came through, and how often; the parts of long messages put together.
#[derive(Default)]
struct Account {
    seen: BTreeMap<u32, u32>,
    last: bool,
}

impl Account {
    fn take(&mut self, record: &Value) {
        if record["fields"]["source"] != "postgres" {
            return;
        }
        assert_eq!(record["pod"], "segment-a-0");
        assert_eq!(record["time"], "2024-02-29T23:59:59.123000Z");
        assert_eq!(record["fields"]["database"], "d");
        let message = record["message"].as_str().unwrap();
        if message == "last" {
            self.last = true;
        }
        let Some(rest) = message.strip_prefix("n=") else {
            let rest = record["fields"].get("continues").is_some();
            assert!(rest || message == "last", "torn: {record}");
            return;
        };
        let number: u32 = rest.split(' ').next().unwrap().parse().unwrap();
        *self.seen.entry(number).or_default() += 1;
        if number % 100 == 25 {
            assert_eq!(record["level"], "error");
            assert_eq!(record["fields"]["statement"], format!("select\n{number}"));
        }
        if number % 100 == 50 {
            assert_eq!(rest.len(), 6001 + number.to_string().len(), "torn: {record}");
        }
    }
}

#[test]
fn no_line_is_lost_or_torn_when_the_agent_is_killed_under_load() {
    const LINES: u32 = 20_000;
    let script = format!("GP_AGENT={GP_AGENT}\n{WRITER}");
    let mut init = Init::start("json", &script, LINES);
    let mut account = Account::default();
    let mut kills = 0;
    let mut ending = false;
    while let Some(record) = init.next() {
        account.take(&record);
        let enough = account.seen.len() > 1500 * (kills + 1);
        if kills < 3 && enough && init.agent.is_some() {
            init.kill_agent();
            kills += 1;
        }
        if account.last && !ending {
            ending = true;
            init.signal(init.child.id().cast_signed(), Signal::TERM);
        }
    }
    assert_eq!(kills, 3, "it was too quick");
    let missing: Vec<u32> = (1..=LINES).filter(|n| !account.seen.contains_key(n)).collect();
    assert_eq!(missing, [0; 0]);
    let repeated = account.seen.values().filter(|count| **count > 1).count();
    assert!(repeated <= 3 * 100, "{repeated} records came more than once");
    assert!(init.child.wait().unwrap().success());
}

#[test]
fn init_passes_on_what_waits_when_no_agent_comes_any_more() {
    let script = r#"
        IFS=, read -r r w <<< "$GP_AGENT_LOG_FDS"
        printf '1.000 [7] 00000 u@d FATAL:  the end\nhalf a line' >&"$w"
    "#;
    let mut init = Init::start("json", script, 0);
    let mut records = Vec::new();
    while let Some(record) = init.next() {
        records.push(record);
    }
    let server: Vec<_> = records
        .iter()
        .filter(|r| r["fields"]["source"] != "init")
        .map(|r| (r["level"].as_str().unwrap(), r["message"].as_str().unwrap()))
        .collect();
    assert_eq!(server, [("fatal", "the end"), ("info", "half a line")]);
    assert!(
        records
            .iter()
            .any(|r| r["message"].as_str().unwrap().contains("init ends"))
    );
    assert!(init.child.wait().unwrap().success());
}

#[test]
fn a_message_that_is_longer_than_the_pipe_comes_through_in_parts() {
    let script = format!(
        r#"
        IFS=, read -r r w <<< "$GP_AGENT_LOG_FDS"
        p="1709251199.123 [7] 00000 u@d"
        if [ "$GP_AGENT_RESTARTS" = 0 ]; then
            {{
                printf '%s LOG:  ' "$p"
                head -c 3000000 /dev/zero | tr '\0' x
                printf '\n%s LOG:  last\n' "$p"
            }} 1>&"$w" &
        fi
        exec {GP_AGENT} run"#
    );
    let mut init = Init::start("json", &script, 0);
    let mut length = 0;
    while let Some(record) = init.next() {
        assert!(record.to_string().len() < 16 * 1024);
        let message = record["message"].as_str().unwrap();
        // What a dying agent was passing on may come twice.
        assert!(!message.contains("is started again"), "{record}");
        if message.chars().all(|c| c == 'x') {
            length += message.len();
        }
        if message == "last" {
            init.signal(init.child.id().cast_signed(), Signal::TERM);
        }
    }
    assert_eq!(length, 3_000_000);
    assert!(init.child.wait().unwrap().success());
}

#[test]
fn in_text_the_servers_lines_come_through_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        IFS=, read -r r w <<< "$GP_AGENT_LOG_FDS"
        printf '2026-11-28 22:27:12.603 UTC [7] u@d FATAL:  the end\n\tof it\nhalf a line' >&"$w"
    "#;
    let output = Command::new(GP_AGENT)
        .args(["init", "--", "bash", "-c", script])
        .current_dir(dir.path())
        .env("GP_AGENT_LOG_FORMAT", "text")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let whole = "\n2026-11-28 22:27:12.603 UTC [7] u@d FATAL:  the end\n\tof it\nhalf a line\n";
    assert!(text.contains(whole), "{text}");
    assert!(text.contains(" INFO gp_agent::init: init ends"), "{text}");
}
