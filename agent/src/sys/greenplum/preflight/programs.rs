//! Finding programs, and running one to its end.

use super::unseen::Unseen;
use gp_agent_core::greenplum::gpinitsystem::must_not_inherit;
use gp_agent_core::log::printable::one_line;
use gp_agent_core::process::timeouts;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Longer than any of these programs takes on a host that works.
const LIMIT: Duration = timeouts::PREFLIGHT_LOOKS;

/// The length of a program's last words, in characters.
const WORDS: usize = 300;

/// The programs in some folders.
#[derive(Debug)]
pub(super) struct Programs {
    path: Vec<PathBuf>,
}

impl Programs {
    /// Looks in these folders, the first one first.
    pub(super) fn new(path: &[PathBuf]) -> Programs {
        Programs { path: path.to_vec() }
    }

    /// Where a program is; something that cannot be executed is none.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        let runs = |path: &Path| {
            path.metadata()
                .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        };
        self.path.iter().map(|folder| folder.join(name)).find(|path| runs(path))
    }

    /// Runs a program; its standard output, or why it failed, in its own words where it has any.
    pub(super) async fn run<S: AsRef<OsStr>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, Unseen> {
        let program = self.find(name).ok_or_else(|| Unseen::Missing(name.to_string()))?;
        let mut command = Command::new(&program);
        for (variable, _) in std::env::vars_os() {
            if must_not_inherit(&variable.to_string_lossy()) {
                command.env_remove(variable);
            }
        }
        let path = std::env::join_paths(&self.path).unwrap_or_default();
        let child = command
            .args(arguments)
            .env("PATH", path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = match tokio::time::timeout(LIMIT, child).await {
            Err(_) => {
                let (program, limit) = (name.to_string(), LIMIT);
                return Err(Unseen::Late { program, limit });
            }
            Ok(Err(source)) => return Err(Unseen::Start { program, source }),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [words(&output.stderr), words(&output.stdout)];
        let said = said.into_iter().find(|words| !words.is_empty());
        Err(Unseen::Failed(
            said.unwrap_or_else(|| format!("no words, {}", output.status)),
        ))
    }

    /// Runs a line of bash with arguments `$1`, `$2`, ...
    pub(super) async fn bash<'a>(
        &self,
        line: &str,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<String, Unseen> {
        let fixed = ["--noprofile", "--norc", "-c", line, "bash"].map(OsString::from);
        let all = fixed.into_iter().chain(arguments.into_iter().map(OsStr::to_os_string));
        self.run("bash", all).await
    }
}

/// The last words, on one line.
pub(super) fn words(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<String> = text.lines().map(one_line).filter(|line| !line.is_empty()).collect();
    let joined = lines[lines.len().saturating_sub(4)..].join("; ");
    let skipped = joined.chars().count().saturating_sub(WORDS);
    joined.chars().skip(skipped).collect()
}
