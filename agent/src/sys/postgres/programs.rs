//! PostgreSQL's programs: where they are, and running one to its end.

use crate::sys::text::next_line;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncRead, BufReader};
use tokio::process::Command;

/// Why a program could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No PostgreSQL on this machine.
    #[error(
        "no `postgres` in PATH nor in /usr/lib/postgresql/*/bin; install PostgreSQL in the image or add its bin directory to PATH"
    )]
    NotInstalled,
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Its path.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program ended badly; its last words.
    #[error("{program} failed ({status}): {words}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// The last lines that it wrote.
        words: String,
    },
}

/// The programs of one installed PostgreSQL.
#[derive(Clone, Debug)]
pub struct Tools {
    bin: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Tools {
    /// Finds PostgreSQL: for a data directory of that major version where there is one, else first in PATH, then where packages
    /// of Debian and of Red Hat's kin keep it, the newest version first.
    ///
    /// # Errors
    /// There is no PostgreSQL at all.
    pub fn find(major: Option<&str>) -> Result<Tools, ToolError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).collect();
        let dirs = candidates(in_path, Path::new("/usr"), major);
        dirs.into_iter()
            .find(|dir| dir.join("postgres").is_file())
            .map(|bin| Tools::new(bin, Vec::new()))
            .ok_or(ToolError::NotInstalled)
    }

    /// The programs in `bin`, which need these variables.
    pub fn new(bin: PathBuf, environment: Vec<(OsString, OsString)>) -> Tools {
        Tools { bin, environment }
    }

    /// Variables that the programs need beside the agent's own.
    pub fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Where they are.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// The path of one program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.bin.join(program)
    }

    /// What the server program says of itself, such as `postgres (PostgreSQL) 15.18`.
    ///
    /// # Errors
    /// As [`Tools::run`].
    pub async fn version(&self) -> Result<String, ToolError> {
        // Asked again and again while it cannot say: the error has its words.
        self.run_as("postgres", ["--version"], &[], false).await
    }

    /// pg_controldata of a data directory. Before PostgreSQL 9.5 it has no `-D`.
    ///
    /// # Errors
    /// As [`Tools::run`].
    pub async fn control_data(&self, dir: &Path) -> Result<String, ToolError> {
        self.run("pg_controldata", [dir.as_os_str()], &[]).await
    }

    /// What the settings files in `dir` say of one parameter; `None` when the program cannot tell.
    pub async fn setting(&self, dir: &Path, name: &str) -> Option<String> {
        let args = [OsStr::new("-D"), dir.as_os_str(), OsStr::new("-C"), OsStr::new(name)];
        let said = self.run("postgres", args, &[]).await.ok()?;
        Some(said.trim().to_string())
    }

    /// Runs a program to its end; its standard error becomes log lines, its standard output is returned. The program is
    /// killed when the future is dropped.
    ///
    /// # Errors
    /// It cannot be started, or ends with another code than 0; what it said last is part of the error.
    pub async fn run<I, S>(&self, program: &str, args: I, env: &[(&str, &str)]) -> Result<String, ToolError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run_as(program, args, env, true).await
    }

    async fn run_as<I, S>(&self, program: &str, args: I, env: &[(&str, &str)], log: bool) -> Result<String, ToolError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let path = self.path(program);
        let failed_start = |source| ToolError::Start {
            program: path.display().to_string(),
            source,
        };
        let mut child = Command::new(&path)
            .args(args)
            .envs(self.environment())
            .env("LC_MESSAGES", "C")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("GP_AGENT_INIT_FD")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed_start)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (status, out, err) = tokio::join!(child.wait(), lines(out, program, false), lines(err, program, log));
        let status = status.map_err(failed_start)?;
        if status.success() {
            return Ok(out.join("\n"));
        }
        let words = if err.is_empty() { &out } else { &err };
        Err(ToolError::Failed {
            program: program.to_string(),
            status: status.to_string(),
            words: words[words.len().saturating_sub(4)..].join("; "),
        })
    }
}

/// Where to look, in this order: the version that is wanted, what PATH names, then the newest.
fn candidates(in_path: Vec<PathBuf>, usr: &Path, major: Option<&str>) -> Vec<PathBuf> {
    // Debian's `lib/postgresql/15/bin`, and `pgsql-15/bin` of the packages for Red Hat's kin.
    let (debian, red_hat) = (usr.join("lib/postgresql"), "pgsql-");
    let versions = |folder: &Path, prefix: &str| -> Vec<(u32, PathBuf)> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let version = |entry: std::fs::DirEntry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        };
        entries.filter_map(version).collect()
    };
    let mut versions = [versions(&debian, ""), versions(usr, red_hat)].concat();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let wanted =
        major.map(|major| [debian.join(major), usr.join(format!("{red_hat}{major}"))].map(|dir| dir.join("bin")));
    let wanted = wanted.into_iter().flatten();
    let newest = versions.into_iter().map(|(_, dir)| dir);
    wanted.chain(in_path).chain(newest).collect()
}

async fn lines<R: AsyncRead + Unpin>(stream: Option<R>, program: &str, log: bool) -> Vec<String> {
    let mut kept = Vec::new();
    let Some(stream) = stream else { return kept };
    let mut reader = BufReader::new(stream);
    while let Ok(Some(line)) = next_line(&mut reader).await {
        let line = line.trim_end().to_string();
        if line.is_empty() {
            continue;
        }
        if log {
            tracing::info!("{program}: {line}");
        }
        kept.push(line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_directory_comes_before_the_newest() {
        for pattern in ["lib/postgresql/", "pgsql-"] {
            let usr = tempfile::tempdir().unwrap();
            let bin = |version: &str| usr.path().join(format!("{pattern}{version}")).join("bin");
            for version in ["9", "15", "17"] {
                std::fs::create_dir_all(bin(version)).unwrap();
            }
            let path = || vec![bin("17")];
            let first = |dirs: Vec<PathBuf>| dirs.into_iter().find(|dir| dir.exists()).unwrap();
            assert_eq!(first(candidates(path(), usr.path(), Some("15"))), bin("15"));
            assert_eq!(
                candidates(Vec::new(), usr.path(), None),
                [bin("17"), bin("15"), bin("9")]
            );
            assert_eq!(candidates(path(), usr.path(), None)[0], bin("17"));
        }
    }
}
