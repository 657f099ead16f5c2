//! A real server's lines.

use gp_agent::internals::engine::Tools;
use gp_agent_core::log::postgres::{PREFIX, take};
use gp_agent_core::log::record::{LogLevel, Moment, Record};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio_postgres::NoTls;

fn program(name: &str) -> PathBuf {
    Tools::find(None).unwrap().path(name)
}

fn as_user(program: &Path) -> Command {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let mut command = Command::new(program);
    command.current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn records(text: &[u8]) -> Vec<Record> {
    let mut rest = text;
    let mut all = Vec::new();
    while let Some(taken) = take(rest, Moment(0), true) {
        all.extend(taken.record);
        rest = &rest[taken.bytes..];
    }
    all
}

#[test]
fn every_field_of_a_real_servers_message_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    own(dir.path());
    let made = as_user(&program("initdb"))
        .args(["-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let mut server = as_user(&program("postgres"))
        .arg("-D")
        .arg(&data)
        .args(["-c", &format!("log_line_prefix={PREFIX}"), "-c", "listen_addresses="])
        .args(["-c", &format!("unix_socket_directories={}", dir.path().display())])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ask(dir.path(), "select *\n  from nothing_here\n  where true");
    ask(
        dir.path(),
        "do $$ begin raise warning 'w' using detail = E'two\\nlines', hint = 'h'; end $$",
    );
    // SIGINT: fast shutdown.
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut text = Vec::new();
    server.stderr.take().unwrap().read_to_end(&mut text).unwrap();
    server.wait().unwrap();
    let all = records(&text);
    let error = all.iter().find(|r| r.level == LogLevel::Error).unwrap();
    assert!(error.message.contains("\"nothing_here\" does not exist"));
    assert_eq!(error.fields["sqlstate"], "42P01");
    assert_eq!(error.fields["user"], "owner");
    assert_eq!(error.fields["database"], "postgres");
    assert_eq!(error.fields["statement"], "select *\n  from nothing_here\n  where true");
    assert!(error.time > Moment(1_700_000_000_000_000));
    let warning = all.iter().find(|r| r.level == LogLevel::Warn).unwrap();
    assert_eq!(warning.message, "w");
    assert_eq!(warning.fields["detail"], "two\nlines");
    assert_eq!(warning.fields["hint"], "h");
    assert!(warning.fields["context"].as_str().unwrap().contains("PL/pgSQL"));
    assert!(
        all.iter()
            .any(|r| r.message.starts_with("database system is shut down"))
    );
    assert!(all.iter().all(|r| r.fields["source"] == "postgres"), "{all:?}");
}

fn own(dir: &Path) {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(dir, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

fn ask(socket: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host_path(socket).user("owner").dbname("postgres");
        let (client, connection) = loop {
            match config.connect(NoTls).await {
                Ok(connected) => break connected,
                // It is still starting.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        };
        tokio::spawn(connection);
        let _ = client.simple_query(sql).await;
    });
}
