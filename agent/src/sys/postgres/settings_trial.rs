//! A start of the server program with settings that no server has run with, on a scratch directory where nothing is to lose
//! and nobody is met; see [`gp_agent_core::postgres::settings::verdict`].

use super::programs::Tools;
use crate::sys::storage::fs::remove_if_there;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::{
    SESSION_LIBRARIES, TrialVerdict, beside_control, is_about_a_library, preloaded, verdict,
};
use gp_agent_core::process::timeouts;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::process::Command;
use tokio::time::timeout;

/// Where settings are tried.
#[derive(Clone, Copy, Debug)]
pub struct TrialGround<'a> {
    /// The data directory whose files count.
    pub dir: &'a Path,
    /// The scratch directory; made and removed, on a file system of this container.
    pub scratch: &'a Path,
}

/// In KiB: no trial may use up the memory that the running server needs. Enough for a server without its buffers.
const MOST_MEMORY: u32 = 2 * 1024 * 1024;

/// On the command line, where no file can override it: a place of its own, no waiting for anybody, everything to standard
/// error in English, and little memory.
const OPTIONS: &[&str] = &[
    "listen_addresses=",
    "logging_collector=off",
    "log_destination=stderr",
    "log_min_messages=warning",
    "lc_messages=C",
    "shared_buffers=16MB",
    "dynamic_shared_memory_type=mmap",
];

/// Tries `candidate` as gp-agent.conf. What it refuses is believed only when `control`, with which servers ran, passes: else the
/// trial itself may be at fault. `more` is what the program needs besides on its command line.
pub(crate) async fn try_settings(
    tools: &Tools,
    ground: TrialGround<'_>,
    candidate: &str,
    control: &str,
    more: &[String],
) -> TrialVerdict {
    let words = match once(tools, ground, candidate, more).await {
        TrialVerdict::Accepted => return TrialVerdict::Accepted,
        TrialVerdict::NoMemory(words) => return TrialVerdict::NoMemory(words),
        TrialVerdict::Damaged(words) => return TrialVerdict::Damaged(words),
        TrialVerdict::Refused(words) | TrialVerdict::Others(words) | TrialVerdict::Unknown(words) => words,
    };
    beside_control(words, once(tools, ground, control, more).await)
}

async fn once(tools: &Tools, ground: TrialGround<'_>, text: &str, more: &[String]) -> TrialVerdict {
    if let Err(error) = in_scratch(ground, Some(text)).await {
        return TrialVerdict::Unknown(format!("{}: {error}", ground.scratch.display()));
    }
    let tried = match start(tools, ground, more).await {
        TrialVerdict::Accepted => sessions(tools, ground, more).await,
        verdict => verdict,
    };
    let _ = in_scratch(ground, None).await;
    tried
}

/// What sessions load, loaded by the server: that tells whether it is there. Where the library does not like that, or anything
/// else fails, nothing is known against it.
async fn sessions(tools: &Tools, ground: TrialGround<'_>, more: &[String]) -> TrialVerdict {
    let mut lists = Vec::new();
    for name in [&["shared_preload_libraries"][..], &SESSION_LIBRARIES].concat() {
        match effective(tools, ground.scratch, more, name).await {
            Ok(list) => lists.push(list),
            Err(error) => {
                tracing::debug!("cannot tell {name}: {error}");
                return TrialVerdict::Accepted;
            }
        }
    }
    let [shared, session, local] = &lists[..] else {
        return TrialVerdict::Accepted;
    };
    let Some(all) = preloaded(shared, session, local) else {
        return TrialVerdict::Accepted;
    };
    let more = [more, &[format!("shared_preload_libraries={all}")]].concat();
    match start(tools, ground, &more).await {
        TrialVerdict::Refused(words) if is_about_a_library(&words) => {
            TrialVerdict::Refused(format!("every new session would be refused: {words}"))
        }
        _ => TrialVerdict::Accepted,
    }
}

/// Starts the program in the scratch directory, as that is.
async fn start(tools: &Tools, ground: TrialGround<'_>, more: &[String]) -> TrialVerdict {
    let came_through = ground.scratch.join("postmaster.opts");
    if let Err(error) = remove_if_there(&came_through) {
        return TrialVerdict::Unknown(error.to_string());
    }
    let mut server = server(tools, ground.scratch, more);
    let (came_through, said) = match run(server.stderr(Stdio::piped())).await {
        Ok(output) => (
            came_through.exists(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ),
        Err(error) => (false, error.to_string()),
    };
    verdict(came_through, &as_of(ground, &said))
}

/// What the files make of a parameter: the program says so and ends.
async fn effective(tools: &Tools, scratch: &Path, more: &[String], name: &str) -> io::Result<String> {
    let mut server = server(tools, scratch, more);
    let output = run(server.args(["-C", name]).stdout(Stdio::piped())).await?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        false => Err(io::Error::other(output.status.to_string())),
    }
}

async fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.spawn()?.wait_with_output();
    let late = |_| io::Error::other("the trial took too long");
    timeout(timeouts::SETTINGS_TRIED, output).await.map_err(late)?
}

/// What it says of the scratch directory is true of the data directory.
fn as_of(ground: TrialGround<'_>, said: &str) -> String {
    said.replace(&ground.scratch.display().to_string(), &ground.dir.display().to_string())
}

/// The program on the scratch directory. Its end comes when it finds no write-ahead log.
fn server(tools: &Tools, scratch: &Path, more: &[String]) -> Command {
    let limits = format!("ulimit -c 0; ulimit -v {MOST_MEMORY}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limits]).arg(tools.path("postgres"));
    command.arg("-D").arg(scratch);
    let places = [
        ("data_directory", PathBuf::from(scratch)),
        ("unix_socket_directories", PathBuf::from(scratch)),
        ("hba_file", scratch.join("pg_hba.conf")),
        ("ident_file", scratch.join("pg_ident.conf")),
        ("external_pid_file", scratch.join("pid")),
    ];
    for (name, path) in places {
        command.arg("-c").arg(format!("{name}={}", path.display()));
    }
    for option in OPTIONS.iter().copied().chain(more.iter().map(String::as_str)) {
        command.args(["-c", option]);
    }
    command
        .envs(tools.environment())
        .env("LC_ALL", "C.UTF-8")
        .env_remove("GP_AGENT_INIT_FD")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Makes the scratch directory anew with `text` as gp-agent.conf, or with `None` removes it.
async fn in_scratch(ground: TrialGround<'_>, text: Option<&str>) -> io::Result<()> {
    let (dir, scratch) = (ground.dir.to_path_buf(), ground.scratch.to_path_buf());
    let text = text.map(str::to_string);
    let work = move || {
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        text.map_or(Ok(()), |text| furnish(&dir, &scratch, &text))
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// What a server reads, as links, so that certificates, keys and included files are found by any relative name; what it writes
/// to, empty.
#[expect(clippy::disallowed_methods, reason = "no programs")]
fn furnish(dir: &Path, scratch: &Path, text: &str) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(scratch)?;
    for made in ["global", "base"] {
        fs::create_dir(scratch.join(made))?;
    }
    for copied in ["PG_VERSION", "global/pg_control"] {
        fs::copy(dir.join(copied), scratch.join(copied))?;
    }
    let main = conf::with_include(&fs::read(dir.join("postgresql.conf"))?);
    fs::write(scratch.join("postgresql.conf"), main)?;
    fs::write(scratch.join(conf::FILE), text)?;
    fs::write(scratch.join("pg_hba.conf"), "local all all reject\n")?;
    fs::write(scratch.join("pg_ident.conf"), "")?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let lossy = name.to_string_lossy();
        match place(&lossy, entry.file_type()?.is_dir()) {
            Place::Empty => fs::create_dir(scratch.join(&name))?,
            Place::Link => symlink(entry.path(), scratch.join(&name))?,
            Place::Left => {}
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Empty,
    Link,
    Left,
}

/// What becomes of an entry of the data directory. Without a write-ahead log the start ends before anything is done.
fn place(name: &str, is_dir: bool) -> Place {
    const LEFT: &[&str] = &[
        "base",
        "global",
        "PG_VERSION",
        "postgresql.conf",
        conf::FILE,
        "pg_hba.conf",
        "pg_ident.conf",
        "pg_wal",
        "pg_xlog",
        "log",
        "pg_log",
        "recovery.conf",
        "backup_label",
        "tablespace_map",
        "current_logfiles",
        "promote",
        "fallback_promote",
    ];
    match name {
        _ if LEFT.contains(&name) || name.starts_with("postmaster.") || name.ends_with(".signal") => Place::Left,
        _ if name.starts_with("pg_") && is_dir => Place::Empty,
        _ => Place::Link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_writes_to_is_a_link() {
        for (name, is_dir) in [("pg_stat_tmp", true), ("pg_replslot", true), ("pg_newer", true)] {
            assert_eq!(place(name, is_dir), Place::Empty, "{name}");
        }
        for name in [
            "pg_wal",
            "base",
            "postmaster.pid",
            "standby.signal",
            "recovery.conf",
            "log",
        ] {
            assert_eq!(place(name, name == "pg_wal"), Place::Left, "{name}");
        }
        for (name, is_dir) in [
            ("server.key", false),
            ("certificates", true),
            ("postgresql.auto.conf", false),
        ] {
            assert_eq!(place(name, is_dir), Place::Link, "{name}");
        }
    }
}
