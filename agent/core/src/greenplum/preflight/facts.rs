//! What is asked of a host, and what it answers.

use crate::cluster::topology::Member;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Descriptors that gpinitsystem wants (`OS_OPENFILES` in gp_bash_functions.sh).
pub(super) const NOFILE: u64 = 65_535;

/// Programs that the tools call by themselves, beside those that every image has.
pub const COMMANDS: &[&str] = &[
    "awk", "bash", "find", "grep", "hostname", "ip", "locale", "netstat", "ping", "ps", "sed", "ssh",
];

/// What a host is looked at for. Handed over as arguments, since a session of ssh has neither the container's variables
/// nor its working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostQuestion {
    /// Where Greenplum is on the coordinator, and so has to be everywhere.
    pub home: PathBuf,
    /// The data directory that will be made.
    pub dir: PathBuf,
    /// The postmaster's port.
    pub port: u16,
    /// The locale, in any spelling.
    pub locale: String,
    /// Hosts to ping.
    pub ping: Vec<String>,
}

/// Why something on a host could not be looked at: what a program or the system said there, in words. It is a part of the
/// document that `gp-agent preflight` prints, where it is the bare text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(transparent)]
#[error("{0}")]
pub struct LookError(String);

impl LookError {
    /// The look failed for this reason.
    pub fn new(why: impl fmt::Display) -> LookError {
        LookError(why.to_string())
    }
}

/// A value, or why there is none.
pub type Look<T> = Result<T, LookError>;

/// What one host is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// The kernel's host name, which `hostname` prints.
    pub host_name: String,
    /// The user that the tools run as here.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// This host's clock, Unix milliseconds, read last.
    pub unix_millis: u64,
    /// Why nothing can be written to the home directory, where the tools keep their logs, or to /tmp.
    pub not_writable: Option<String>,
    /// What `postgres --gp-version` says.
    pub version: Look<String>,
    /// The Python of the tools, when they want one: its program, or why it does not import their library.
    pub python: Option<Look<String>>,
    /// Of [`COMMANDS`], those that are not there.
    pub missing: Vec<String>,
    /// The hosts that could not be pinged, each with ping's words.
    pub not_pinged: Vec<(String, String)>,
    /// `net.ipv4.ping_group_range`.
    pub ping_group_range: Option<String>,
    /// The spellings of the wanted locale that `locale -a` prints.
    pub locales: Look<Vec<String>>,
    /// How many descriptors a process may have.
    pub nofile: u64,
    /// The place of the data directory.
    pub place: ParentDirectory,
    /// Who holds the port, in words.
    pub port_held: Option<String>,
    /// Whether a lock file of a server on that port lies in /tmp, which gpinitsystem takes for a server.
    pub socket_lock: bool,
}

/// The folder that the data directory will be made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentDirectory {
    /// Whether the data directory is there already.
    pub exists: bool,
    /// Names in the folder, at most a few dozen; or why it cannot be read.
    pub others: Look<Vec<String>>,
    /// Why nothing can be written there.
    pub not_writable: Option<String>,
    /// Free bytes for this user.
    pub free_bytes: u64,
}

/// One host's answer.
#[derive(Clone, Debug)]
pub struct PreflightAnswer<'a> {
    /// Which pod was asked.
    pub member: &'a Member,
    /// Unix milliseconds of the coordinator's clock when the question left.
    pub asked: u64,
    /// The same when the answer was there.
    pub answered: u64,
    /// What it said, or why it did not.
    pub said: Look<HostFacts>,
}

/// What is asked of the hosts beside [`HostQuestion`].
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The locale, in any spelling.
    pub locale: &'a str,
    /// MiB that have to be free.
    pub min_free_mib: u64,
}

/// The arguments of `gp-agent preflight`.
pub fn arguments(wanted: &HostQuestion) -> Vec<String> {
    let mut arguments = vec!["preflight".to_string()];
    let mut option = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
    option("home", wanted.home.display().to_string());
    option("dir", wanted.dir.display().to_string());
    option("port", wanted.port.to_string());
    option("locale", wanted.locale.clone());
    for host in &wanted.ping {
        option("ping", host.clone());
    }
    arguments
}

/// Reads what `gp-agent preflight` printed; whatever a login script prints around it is passed over.
///
/// # Errors
/// There is no such answer in it.
pub fn read_answer(printed: &str) -> Look<HostFacts> {
    let document = printed
        .find('{')
        .zip(printed.rfind('}'))
        .filter(|(begin, end)| begin < end)
        .map_or("", |(begin, end)| &printed[begin..=end]);
    serde_json::from_str(document).map_err(|error| {
        let said: String = printed.trim().chars().take(200).collect();
        LookError(format!("gp-agent preflight answers {said:?} ({error})"))
    })
}

/// The Python that a script's first line names: its path, or the name that `env` looks for; `None` when it is another
/// program's script, or none.
pub fn python_of(script: &str) -> Option<&str> {
    let line = script.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_whitespace();
    let program = words.next()?;
    let program = match program.ends_with("/env") {
        true => words.find(|word| !word.starts_with('-'))?,
        false => program,
    };
    let name = program.rsplit('/').next()?;
    name.starts_with("python").then_some(program)
}

/// Whether two names mean the same locale to the C library: code sets differ in case and punctuation alone
/// (`_nl_normalize_codeset` in glibc).
pub fn same_locale(one: &str, other: &str) -> bool {
    normalised(one) == normalised(other)
}

fn normalised(locale: &str) -> (String, String, String) {
    let (rest, modifier) = locale.split_once('@').unwrap_or((locale, ""));
    let (name, code_set) = rest.split_once('.').unwrap_or((rest, ""));
    let code_set = code_set
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (name.to_string(), code_set, modifier.to_string())
}
