//! What the command line says where no pod is.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::process::Command;

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

#[test]
fn what_comes_before_init_and_probe_is_refused_with_words() {
    for verb in [&["probe", "live"][..], &["init"]] {
        let (code, said) = call("laptop", &[&["--config", "/none"], verb].concat());
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains("GP_AGENT_CONFIG"), "{said}");
    }
}
