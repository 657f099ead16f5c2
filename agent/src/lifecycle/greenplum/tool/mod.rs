//! Greenplum's tools on the running cluster: their environment, what becomes of what they say, and how they end.

pub(in crate::lifecycle::greenplum) mod output;

use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::sys::greenplum::tool_lock;
use anyhow::Result;
use gp_agent_core::greenplum::gpinitsystem::must_not_inherit;
use gp_agent_core::greenplum::tool_output::{Line, Reasons, ToolFailure, ToolLevel, ToolVerdict};
use gp_agent_core::process::timeouts;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;

/// They wait in silence for pg_basebackup, which takes as long as there are data.
const SILENT_FOR: Duration = timeouts::COPY_SPEAKS;

/// A file that is nowhere.
const NO_PASSWORD_FILE: &str = "/nonexistent/pgpass";

/// Runs a tool on the running cluster. `password`: gpadmin's, for tools whose own reader of ~/.pgpass fails; it stands in their
/// environment alone, which only this user can read.
///
/// # Errors
/// It cannot be run, or fails; the reasons that it gave ([`ToolFailure`]).
pub(crate) async fn run(
    pod: &Pod,
    greenplum: &Greenplum,
    name: &str,
    arguments: &[String],
    password: Option<&str>,
) -> Result<()> {
    let call = Call {
        name,
        arguments,
        password,
        dir: &pod.account.home,
        answers: "",
        silent_for: SILENT_FOR,
    };
    self::call(pod, greenplum, call).await
}

/// One call of a tool.
pub(crate) struct Call<'a> {
    /// The tool.
    pub name: &'a str,
    /// Its arguments.
    pub arguments: &'a [String],
    /// gpadmin's password, as for [`run`].
    pub password: Option<&'a str>,
    /// Where it is called.
    pub dir: &'a Path,
    /// What it reads from its standard input.
    pub answers: &'static str,
    /// So long it may say nothing.
    pub silent_for: Duration,
}

/// As [`run`], with all that may differ.
///
/// # Errors
/// Those of [`run`].
pub(crate) async fn call(pod: &Pod, greenplum: &Greenplum, call: Call<'_>) -> Result<()> {
    let Call { name, arguments, .. } = call;
    let mut command = command(greenplum, pod, name);
    command
        .current_dir(call.dir)
        .args(arguments)
        .env("PGPORT", pod.me.port.to_string());
    for variable in greenplum.version().family.data_directory_variables() {
        command.env(variable, pod.dir());
    }
    if let Some(password) = call.password {
        give_password(&mut command, password);
    }
    // gpexpand calls gprecoverseg.
    if matches!(name, "gprecoverseg" | "gpexpand") {
        free_lock(pod).await;
    }
    let mut reasons = Reasons::default();
    let mut verdict = ToolVerdict::default();
    let status = output::follow_with(&mut command, name, (call.answers, call.silent_for), |line| {
        log(name, line);
        reasons.feed(line);
        verdict.feed(line);
    })
    .await?;
    ended(name, status, &reasons, verdict).map_err(anyhow::Error::from)
}

/// Locked out, or out of reach of a host, it ends as if it had done its work.
fn ended(name: &str, status: ExitStatus, reasons: &Reasons, verdict: ToolVerdict) -> Result<(), ToolFailure> {
    let what = match status.success() {
        true if verdict.locked_out => format!("{name} did nothing"),
        true if verdict.skipped => format!("{name} left out what it was told to do"),
        true => return Ok(()),
        false => format!("{name} failed ({status})"),
    };
    let why = reasons.summary().unwrap_or_else(|| "it gave no reason".into());
    Err(ToolFailure {
        why: format!("{what}: {why}"),
        verdict,
    })
}

/// A run of gprecoverseg that was killed has left its lock, and every later one would do nothing. Called before each of them.
pub(crate) async fn free_lock(pod: &Pod) {
    let dir = pod.dir().to_path_buf();
    match pod.volume.run(move || tool_lock::remove_stale(&dir)).await {
        Ok(true) => tracing::warn!(
            "removed the lock of a gprecoverseg that was killed, in {}",
            pod.dir().display()
        ),
        Ok(false) => {}
        Err(error) => tracing::warn!("cannot remove the lock of a gprecoverseg that was killed: {error}"),
    }
}

/// Early releases of 7 take every password file for one that others can read, and then a word of their own in place of any
/// password, $PGPASSWORD too. Only where there is no such file do they ask for that (class DbURL in gppylib/db/dbconn.py).
fn give_password(command: &mut Command, password: &str) {
    command.env("PGPASSWORD", password).env("PGPASSFILE", NO_PASSWORD_FILE);
}

/// What a tool says becomes lines of the agent's log.
pub(in crate::lifecycle::greenplum) fn log(name: &str, line: &Line) {
    match line.level {
        ToolLevel::Debug => tracing::debug!("{name}: {}", line.text),
        ToolLevel::Info => tracing::info!("{name}: {}", line.text),
        ToolLevel::Warn => tracing::warn!("{name}: {}", line.text),
        ToolLevel::Error | ToolLevel::Fatal => tracing::error!("{name}: {}", line.text),
    }
}

/// The tool, with nothing in its environment that would mislead it.
pub(in crate::lifecycle::greenplum) fn command(greenplum: &Greenplum, pod: &Pod, name: &str) -> Command {
    let mut command = Command::new(greenplum.program(name));
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if must_not_inherit(&name) || name.starts_with("GP_AGENT_") {
            command.env_remove(&variable);
        }
    }
    let user = &pod.account.name;
    let lang = std::env::var("LANG").unwrap_or_else(|_| "en_US.UTF-8".into());
    command
        .envs(greenplum.environment())
        .env("USER", user)
        .env("LOGNAME", user)
        .env("HOME", &pod.account.home)
        .env("LANG", lang)
        .current_dir(&pod.account.home);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    /// The password that gppylib/db/dbconn.py of such a release logs in with.
    const RULE: &str = r#"if [ -e "${PGPASSFILE-$HOME/.pgpass}" ]; then printf pass; else printf %s "$PGPASSWORD"; fi"#;

    #[test]
    fn a_tool_that_was_locked_out_has_not_succeeded() {
        let end = |code: i32, locked_out: bool| {
            let verdict = ToolVerdict {
                locked_out,
                ..ToolVerdict::default()
            };
            let mut reasons = Reasons::default();
            reasons.feed(&Line::parse("error: it is already running").unwrap());
            let status = ExitStatus::from_raw(code << 8);
            ended("gprecoverseg", status, &reasons, verdict)
                .err()
                .map(|failure| failure.why)
        };
        assert_eq!(end(0, false), None);
        assert_eq!(
            end(0, true).unwrap(),
            "gprecoverseg did nothing: error: it is already running"
        );
        assert_eq!(
            end(1, false).unwrap(),
            "gprecoverseg failed (exit status: 1): error: it is already running"
        );
    }

    #[test]
    fn a_tool_that_left_out_its_targets_has_not_succeeded() {
        let (mut reasons, mut verdict) = (Reasons::default(), ToolVerdict::default());
        for (level, words) in [
            ("WARNING", "Not recovering segment 4 because a is unreachable"),
            ("INFO", "No segments to recover"),
        ] {
            let raw = format!("20261130:13:00:05:000123 gprecoverseg:c:gpadmin-[{level}]:-{words}");
            let line = Line::parse(&raw).unwrap();
            reasons.feed(&line);
            verdict.feed(&line);
        }
        let failure = ended("gprecoverseg", ExitStatus::from_raw(0), &reasons, verdict).unwrap_err();
        assert_eq!(
            failure.why,
            "gprecoverseg left out what it was told to do: Not recovering segment 4 because a is unreachable"
        );
    }

    #[tokio::test]
    async fn a_tool_that_refuses_every_password_file_logs_in_with_the_given_one() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".pgpass"), "*:*:*:gpadmin:secret\n").unwrap();
        let mut tool = Command::new("sh");
        tool.args(["-c", RULE]).env("HOME", home.path());
        give_password(&mut tool, "secret");
        let output = tool.output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "secret");
    }
}
