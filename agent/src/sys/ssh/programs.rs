//! OpenSSH's programs: ssh-keygen, ssh-keyscan, sshd and ssh, and the ports they need.
//!
//! What they say is what counts: a key is one that ssh-keygen reads, a configuration is right when `sshd -t` says so.

use gp_agent_core::log::printable::one_line;
use gp_agent_core::process::timeouts;
use gp_agent_core::ssh::known_hosts::parse_scan;
use gp_agent_core::ssh::ports::{Bind, Binds};
use gp_agent_core::ssh::public_key::{NotAPublicKey, PublicKey};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// Longer than any of the programs needs when it works on local files alone.
const LOCAL: Duration = timeouts::SSH_PROGRAM_ENDS;

/// That ssh-keyscan waits for one host.
const SCAN: Duration = timeouts::SSH_HOST_SCANNED;

/// Why a program could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// It is not installed, or cannot be executed.
    #[error("cannot run {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// It failed; these are its words.
    #[error("{program}: {words}")]
    Failed {
        /// The program.
        program: String,
        /// What it wrote to stderr, on one line.
        words: String,
    },
    /// A file for it could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Scratch {
        /// The directory or file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Why there is no public half.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublicHalfError {
    /// The private key asks for a passphrase.
    #[error("the key is encrypted with a passphrase")]
    Encrypted,
    /// ssh-keygen does not take it for a private key.
    #[error("ssh-keygen does not read it as a private key ({0})")]
    NotAKey(String),
    /// A key, but of a kind that is not used here.
    #[error("{0}")]
    Kind(#[from] NotAPublicKey),
    /// ssh-keygen could not be asked.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// The program in $PATH or in the usual directories; sshd insists on an absolute path, because it executes itself again.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_absolute() && candidate.is_file())
        .unwrap_or_else(|| PathBuf::from(program))
}

async fn output(program: &str, args: &[&std::ffi::OsStr], limit: Duration) -> Result<Output, ToolError> {
    let child = Command::new(find(program))
        .args(args)
        .env("LC_ALL", "C")
        .env_remove("SSH_ASKPASS")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(limit, child).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(source)) => Err(ToolError::Start {
            program: program.to_string(),
            source,
        }),
        Err(_) => Err(ToolError::TimedOut {
            program: program.to_string(),
            limit,
        }),
    }
}

/// stderr on one line, without what every call says.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<String> = text
        .lines()
        .map(one_line)
        .filter(|line| !line.is_empty() && !line.starts_with('@') && !line.starts_with('#'))
        .collect();
    match lines.is_empty() {
        true => format!("no words, {}", output.status),
        false => lines.join("; "),
    }
}

fn failed(program: &str, output: &Output) -> ToolError {
    ToolError::Failed {
        program: program.to_string(),
        words: words(output),
    }
}

/// A private directory below `parent` that vanishes with the value.
fn scratch(parent: &Path) -> Result<tempfile::TempDir, ToolError> {
    let make = || {
        std::fs::create_dir_all(parent)?;
        tempfile::Builder::new().prefix(".ssh-").tempdir_in(parent)
    };
    make().map_err(|source| ToolError::Scratch {
        path: parent.to_path_buf(),
        source,
    })
}

/// The public half of a private key, as ssh-keygen derives it. `run_dir` holds a private copy meanwhile: ssh-keygen refuses a
/// key file of ours that others may read, and a Secret's files have the modes that the pod's author gave them.
///
/// # Errors
/// [`PublicHalfError`].
pub(crate) async fn public_half(private: &[u8], run_dir: &Path) -> Result<PublicKey, PublicHalfError> {
    let directory = scratch(run_dir)?;
    let file = directory.path().join("key");
    write_new(&file, private).map_err(|source| ToolError::Scratch {
        path: file.clone(),
        source,
    })?;
    let args = ["-y", "-P", "", "-f"].map(std::ffi::OsStr::new);
    let args: Vec<_> = args.into_iter().chain([file.as_os_str()]).collect();
    let answer = output("ssh-keygen", &args, LOCAL).await?;
    if answer.status.success() {
        return Ok(PublicKey::parse(&String::from_utf8_lossy(&answer.stdout))?);
    }
    let said = words(&answer).replace(&format!("\"{}\"", file.display()), "key");
    if said.contains("incorrect passphrase") {
        return Err(PublicHalfError::Encrypted);
    }
    Err(PublicHalfError::NotAKey(said))
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, contents)
}

/// A new ed25519 private key without passphrase.
///
/// # Errors
/// [`ToolError`].
pub(crate) async fn generate(run_dir: &Path) -> Result<Vec<u8>, ToolError> {
    let directory = scratch(run_dir)?;
    let file = directory.path().join("key");
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"].map(std::ffi::OsStr::new);
    let args: Vec<_> = args.into_iter().chain([file.as_os_str()]).collect();
    let answer = output("ssh-keygen", &args, LOCAL).await?;
    if !answer.status.success() {
        return Err(failed("ssh-keygen", &answer));
    }
    std::fs::read(&file).map_err(|source| ToolError::Scratch { path: file, source })
}

/// The ed25519 host keys that answer at these addresses; hosts that do not answer are missing in it. The second part is what
/// ssh-keyscan said of those.
///
/// # Errors
/// [`ToolError`] when ssh-keyscan cannot be run or takes far longer than its own time-outs allow.
pub(crate) async fn scan(addresses: &[IpAddr], port: u16) -> Result<(Vec<(IpAddr, PublicKey)>, String), ToolError> {
    let mut args = vec!["-t".to_string(), "ed25519".into(), "-p".into()];
    args.extend([port.to_string(), "-T".into(), SCAN.as_secs().to_string()]);
    args.extend(addresses.iter().map(IpAddr::to_string));
    let args: Vec<_> = args.iter().map(std::ffi::OsStr::new).collect();
    let answer = output("ssh-keyscan", &args, LOCAL + SCAN).await?;
    let found = parse_scan(&String::from_utf8_lossy(&answer.stdout));
    Ok((found, words(&answer)))
}

/// Asks `sshd -t` whether a configuration and its host keys are right.
///
/// # Errors
/// [`ToolError`], with sshd's own words when it says no.
pub(crate) async fn test_config(config: &Path) -> Result<(), ToolError> {
    let args = ["-t", "-f"].map(std::ffi::OsStr::new);
    let args: Vec<_> = args.into_iter().chain([config.as_os_str()]).collect();
    let answer = output("sshd", &args, LOCAL).await?;
    match answer.status.success() {
        true => Ok(()),
        false => Err(failed("sshd", &answer)),
    }
}

/// sshd in the foreground, with its log where servers log (which outlives the agent).
pub(crate) fn sshd(config: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(find("sshd"));
    command
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .current_dir("/");
    crate::sys::log::attach(&mut command);
    command
}

/// Logs in to `host` as the configuration says, and runs `true` there.
///
/// # Errors
/// [`ToolError`] with ssh's own words.
pub(crate) async fn login(client_config: &Path, host: &str, limit: Duration) -> Result<(), ToolError> {
    run_there(client_config, host, "true", limit).await.map(drop)
}

/// Runs a command line of the shell on `host` and returns what it wrote to its standard output.
///
/// # Errors
/// [`ToolError`] with the words of ssh or of the command.
pub(crate) async fn run_there(
    client_config: &Path,
    host: &str,
    command: &str,
    limit: Duration,
) -> Result<String, ToolError> {
    let seconds = format!("ConnectTimeout={}", limit.as_secs().clamp(1, 10));
    let mut args = vec![std::ffi::OsStr::new("-F"), client_config.as_os_str()];
    let options = ["-o", "BatchMode=yes", "-o", &seconds, "--", host, command];
    args.extend(options.map(std::ffi::OsStr::new));
    let answer = output("ssh", &args, limit).await?;
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        false => Err(failed("ssh", &answer)),
    }
}

/// Tries to listen on a port of all addresses, in each family by itself, and lets go of it again.
pub(crate) fn probe_port(port: u16) -> Binds {
    let try_family = |address: IpAddr| match listen(SocketAddr::new(address, port)) {
        Ok(()) => Bind::Free,
        Err(Errno::ADDRINUSE) => Bind::InUse,
        Err(Errno::ACCESS | Errno::PERM) => Bind::Denied,
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => Bind::NoFamily,
        Err(error) => Bind::Failed(io::Error::from(error).to_string()),
    };
    Binds {
        v4: try_family(Ipv4Addr::UNSPECIFIED.into()),
        v6: try_family(Ipv6Addr::UNSPECIFIED.into()),
    }
}

/// Binds and listens with the options that sshd sets: SO_REUSEADDR, and IPV6_V6ONLY so that the families do not meet.
fn listen(address: SocketAddr) -> Result<(), Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, 1)
}

/// Whether sshd's StrictModes would accept this file: it and every directory above it belong to root or `uid`, and neither group
/// nor others may write there (safe_path() in OpenSSH's misc.c, which may stop at the home directory; this goes up to `/`).
pub(crate) fn passes_strict_modes(file: &Path, uid: u32) -> bool {
    let Ok(file) = file.canonicalize() else {
        return false;
    };
    file.ancestors()
        .all(|path| std::fs::metadata(path).is_ok_and(|m| (m.uid() == 0 || m.uid() == uid) && m.mode() & 0o022 == 0))
}
