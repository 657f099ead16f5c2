//! What the command line says where no pod is.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The exit code, and all that it said.
fn call(host: &str, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gp-agent"))
        .args(words)
        .env("GP_AGENT_HOST_NAME", host)
        .env_remove("GP_AGENT_CONFIG")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_file_is_checked_before_anything_is_deployed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cluster.yaml");
    let file = path.to_str().unwrap();
    let right = "cluster: w\nengine: postgres\ndomain: w.test\nsegments: { count: 2 }\n";
    fs::write(&path, right).unwrap();
    let (code, said) = call("laptop", &["check", "config", "--config", file]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("fits no pod"), "{said}");
    // Whoever asks for more asks of a pod.
    let (code, said) = call("laptop", &["check", "--config", file]);
    assert_eq!(code, Some(1), "{said}");
    for (key, wrong) in [
        ("hba.extra", "hba: { extra: [\"host all all 10.0.0.0/33 md5\"] }"),
        ("segment", "segment: {}"),
    ] {
        fs::write(&path, format!("{right}{wrong}\n")).unwrap();
        let (code, said) = call("laptop", &["check", "config", "--config", file]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(key), "{said}");
    }
}

/// Answers each request with that, and tells what was asked for: a path a line.
fn fake_agent(socket: &Path, log: &Path, answer: &'static str) {
    let listener = UnixListener::bind(socket).unwrap();
    let log = log.to_path_buf();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap();
            let asked = fs::read_to_string(&log).unwrap_or_default();
            fs::write(&log, format!("{asked}{path}\n")).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n{answer}").unwrap();
        }
    });
}

/// One that hangs costs its time once.
#[test]
fn the_doctor_asks_the_agent_for_each_thing_once() {
    let dir = tempfile::tempdir().unwrap();
    let [file, log] = ["cluster.yaml", "asked"].map(|name| dir.path().join(name));
    fake_agent(&dir.path().join("agent.sock"), &log, "of another version");
    let text =
        "cluster: w\nengine: greenplum\ndomain: w.test\ncoordinator: { standby: true }\nsegments: { count: 2 }\n";
    fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gp-agent"))
        .args(["check", "config", "limits", "postgres", "ha", "recovery", "postgres"])
        .env("GP_AGENT_HOST_NAME", "coordinator-0")
        .env("GP_AGENT_CONFIG", &file)
        .env("GP_AGENT_RUN_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("does not answer").count(), 4, "{said}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "/status\n/cluster\n");
}

#[test]
fn what_comes_before_init_and_probe_is_refused_with_words() {
    for verb in [&["probe", "live"][..], &["init"]] {
        let (code, said) = call("laptop", &[&["--config", "/none"], verb].concat());
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains("GP_AGENT_CONFIG"), "{said}");
    }
}
