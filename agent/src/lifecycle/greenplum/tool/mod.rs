//! Greenplum's tools on the running cluster: their environment, what becomes of what they say, and how they end.

pub(in crate::lifecycle::greenplum) mod output;

use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use anyhow::{Result, bail};
use gp_agent_core::greenplum::gpinitsystem::must_not_inherit;
use gp_agent_core::greenplum::tool_output::{Level, Line, Reasons};
use std::time::Duration;
use tokio::process::Command;

/// They wait in silence for pg_basebackup, which takes as long as there are data.
const SILENT_FOR: Duration = Duration::from_secs(3600);

/// A file that is nowhere.
const NO_PASSWORD_FILE: &str = "/nonexistent/pgpass";

/// Runs a tool on the running cluster. `password`: gpadmin's, for tools whose own reader of ~/.pgpass fails; it stands in their
/// environment alone, which only this user can read.
///
/// # Errors
/// It cannot be run, or fails; the reasons that it gave.
pub(crate) async fn run(
    pod: &Pod,
    greenplum: &Greenplum,
    name: &str,
    arguments: &[String],
    password: Option<&str>,
) -> Result<()> {
    let mut command = command(greenplum, pod, name);
    command.args(arguments).env("PGPORT", pod.me.port.to_string());
    for variable in greenplum.version().family.data_directory_variables() {
        command.env(variable, pod.dir());
    }
    if let Some(password) = password {
        give_password(&mut command, password);
    }
    let mut reasons = Reasons::default();
    let status = output::follow(&mut command, name, SILENT_FOR, |line| {
        log(name, line);
        reasons.feed(line);
    })
    .await?;
    if !status.success() {
        let why = reasons.summary().unwrap_or_else(|| "it gave no reason".into());
        bail!("{name} failed ({status}): {why}");
    }
    Ok(())
}

/// Early releases of 7 take every password file for one that others can read, and then a word of their own in place of any
/// password, $PGPASSWORD too. Only where there is no such file do they ask for that (class DbURL in gppylib/db/dbconn.py).
fn give_password(command: &mut Command, password: &str) {
    command.env("PGPASSWORD", password).env("PGPASSFILE", NO_PASSWORD_FILE);
}

/// What a tool says becomes lines of the agent's log.
pub(in crate::lifecycle::greenplum) fn log(name: &str, line: &Line) {
    match line.level {
        Level::Debug => tracing::debug!("{name}: {}", line.text),
        Level::Info => tracing::info!("{name}: {}", line.text),
        Level::Warn => tracing::warn!("{name}: {}", line.text),
        Level::Error | Level::Fatal => tracing::error!("{name}: {}", line.text),
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

    /// The password that gppylib/db/dbconn.py of such a release logs in with.
    const RULE: &str = r#"if [ -e "${PGPASSFILE-$HOME/.pgpass}" ]; then printf pass; else printf %s "$PGPASSWORD"; fi"#;

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
