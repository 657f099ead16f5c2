//! The engine's programs by their own names, and `gp-agent env` for shells.

use super::status::tell;
use crate::lifecycle::pod::paths::{tool_environment_file, tool_links_dir};
use gp_agent_core::greenplum::tool_environment::ToolEnvironment;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What this program is installed as.
const OWN_NAME: &str = "gp-agent";
/// As a shell says it: a program that cannot be executed.
const NOT_EXECUTED: u8 = 126;

/// Becomes the program whose name this one was called by, when that is one of the links that the agent has made; returns
/// when it is none, or cannot: the exit code. `args` are all words of the command line.
pub(crate) fn become_called(args: &[OsString]) -> Option<u8> {
    let name = Path::new(args.first()?).file_name()?.to_str()?;
    if name == OWN_NAME || !tool_links_dir().join(name).is_symlink() {
        return None;
    }
    Some(match read() {
        Ok(known) => become_program(&known, name, args.get(1..).unwrap_or_default()),
        Err(error) => {
            eprintln!("{name}: {error}");
            NOT_EXECUTED
        }
    })
}

fn become_program(known: &ToolEnvironment, name: &str, args: &[OsString]) -> u8 {
    let program = known.bin.join(name);
    let mut command = Command::new(&program);
    let inherited = inherited();
    for (variable, value) in known.changes_for(name, |n| inherited.get(n).map(String::as_str)) {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    // The path of the real program is the name that it gets: server programs find their companions by it.
    let error = command.args(args).exec();
    eprintln!("{name}: cannot execute {}: {error}", program.display());
    NOT_EXECUTED
}

/// Prints commands for a shell that make it know this pod's database. The exit code is 1 when the agent has not yet found
/// out.
pub(super) fn env() -> u8 {
    let inherited = inherited();
    match read() {
        Ok(known) => {
            tell(&known.exports(&tool_links_dir(), |name| inherited.get(name).map(String::as_str)));
            0
        }
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}

/// Why this pod's database is not known here.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {}, which the agent writes once it knows its place and its engine: {source}; see gp-agent status",
    path.display()
)]
struct NotKnown {
    /// The agent's file.
    path: PathBuf,
    /// The system's answer, or the parser's: both are errors of reading.
    source: io::Error,
}

fn read() -> Result<ToolEnvironment, NotKnown> {
    let path = tool_environment_file();
    let read = std::fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
    read.map_err(|source| NotKnown { path, source })
}

/// Variables that are no text cannot be among those that matter.
fn inherited() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
