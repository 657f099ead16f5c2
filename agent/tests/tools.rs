//! The engine's programs as links to gp-agent, and `gp-agent env`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// As the agent writes it; the image's own programs stand for the engine's.
const KNOWN: &str = r#"{ "bin": "/usr/bin", "pathPrefix": "/gp/bin:/usr/bin",
    "ofEngine": { "LD_LIBRARY_PATH": "/gp/lib" },
    "ofPod": { "USER": "gpadmin", "PGPORT": "40001", "PGDATA": "/it's/here" } }"#;

const AGENT: &str = env!("CARGO_BIN_EXE_gp-agent");

fn run_dir(known: Option<&str>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("bin")).unwrap();
    for program in ["printenv", "false", "vanished"] {
        symlink(AGENT, dir.path().join("bin").join(program)).unwrap();
    }
    if let Some(known) = known {
        fs::write(dir.path().join("tools.json"), known).unwrap();
    }
    dir
}

fn call(program: &Path, dir: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("GP_AGENT_RUN_DIR", dir.path())
        .env("PATH", "/bin");
    command.envs(env.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_link_becomes_the_program_with_all_that_it_needs() {
    let dir = run_dir(Some(KNOWN));
    let link = dir.path().join("bin/printenv");
    let output = call(&link, &dir, &[], &[("USER", "root"), ("PGPORT", "7")]);
    let seen: BTreeMap<String, String> = text(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    assert_eq!(seen["LD_LIBRARY_PATH"], "/gp/lib");
    assert_eq!(seen["PATH"], "/gp/bin:/usr/bin:/bin");
    assert_eq!(seen["PGDATA"], "/it's/here");
    assert_eq!((seen["USER"].as_str(), seen["PGPORT"].as_str()), ("gpadmin", "7"));
    let one = call(&link, &dir, &["PGDATA"], &[]);
    assert_eq!(text(&one.stdout), "/it's/here\n", "arguments arrive");
    let code = call(&dir.path().join("bin/false"), &dir, &[], &[]);
    assert_eq!(code.status.code(), Some(1), "the exit code is the program's own");
}

#[test]
fn a_program_that_cannot_run_is_named() {
    let vanished = run_dir(Some(KNOWN));
    let output = call(&vanished.path().join("bin/vanished"), &vanished, &[], &[]);
    assert_eq!(output.status.code(), Some(126));
    assert!(
        text(&output.stderr).contains("cannot execute /usr/bin/vanished"),
        "{output:?}"
    );
    let early = run_dir(None);
    let output = call(&early.path().join("bin/printenv"), &early, &[], &[]);
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).contains("see gp-agent status"), "{output:?}");
}

#[test]
fn another_name_is_no_program() {
    let dir = run_dir(Some(KNOWN));
    let renamed = dir.path().join("gp-agent-2");
    symlink(AGENT, &renamed).unwrap();
    let output = call(&renamed, &dir, &["--version"], &[]);
    assert!(text(&output.stdout).starts_with("gp-agent "), "{output:?}");
}

#[test]
fn a_shell_evaluates_env() {
    let dir = run_dir(Some(KNOWN));
    let line = format!("eval \"$('{AGENT}' env)\" && echo \"$PGDATA $PGPORT $PATH ${{LD_LIBRARY_PATH-none}}\"");
    let output = call(Path::new("/bin/sh"), &dir, &["-c", &line], &[]);
    let links = dir.path().join("bin");
    let wanted = format!("/it's/here 40001 {}:/usr/bin:/bin none\n", links.display());
    assert_eq!(text(&output.stdout), wanted, "{output:?}");
    let early = run_dir(None);
    let output = call(Path::new(AGENT), &early, &["env"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "nothing to evaluate: {output:?}");
}
