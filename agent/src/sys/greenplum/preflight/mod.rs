//! Looks at this host for what the Greenplum tools need. Nothing is changed; judging is the core's business.

mod directories;
mod programs;
#[cfg(test)]
mod tests;
mod unseen;

use crate::sys::postgres::port_check;
use crate::sys::process::clock;
use crate::sys::process::passwd::{self, describe_uid};
use futures_util::{StreamExt, stream};
use gp_agent_core::greenplum::preflight::{COMMANDS, HostFacts, HostQuestion, python_of, same_locale};
use programs::Programs;
use rustix::process::{Resource, geteuid, getrlimit};
use std::io::Read;
use std::path::{Path, PathBuf};
use unseen::Unseen;

/// Pings under way at once.
const PINGS: usize = 32;

/// The scripts that set the tools' environment: Greenplum's name first, then Cloudberry's.
const SCRIPTS: [&str; 2] = ["greenplum_path.sh", "cloudberry-env.sh"];

/// Imports what every Python tool imports first, and tells which Python did.
const IMPORT: &str = "import gppylib.mainUtils, gppylib.db.dbconn, sys; print(sys.executable)";

/// What the host is looked at with.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Where programs are looked for, in this order.
    pub path: Vec<PathBuf>,
    /// The folder of the servers' sockets and of the tools' scratch files.
    pub tmp: PathBuf,
    /// The user's home directory.
    pub home: PathBuf,
}

impl Surroundings {
    /// Those of this process: the places that gp_bash_functions.sh searches, then $PATH.
    pub(crate) fn current() -> Surroundings {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = ["/usr/local/bin", "/bin", "/usr/bin", "/sbin", "/usr/sbin"];
        let home = passwd::current().map(|account| account.home).ok();
        Surroundings {
            path: usual
                .map(PathBuf::from)
                .into_iter()
                .chain(std::env::split_paths(&path))
                .collect(),
            tmp: PathBuf::from("/tmp"),
            home: home.unwrap_or_else(|| PathBuf::from("/")),
        }
    }
}

/// Looks at everything at the same time; no part takes longer than its own limit.
pub(crate) async fn look(wanted: &HostQuestion, around: &Surroundings) -> HostFacts {
    let programs = Programs::new(&around.path);
    let uid = geteuid().as_raw();
    let (version, python, not_pinged, locales, place, not_writable) = tokio::join!(
        version(&programs, &wanted.home),
        python(&programs, &wanted.home),
        pings(&programs, &wanted.ping),
        locales(&programs, &wanted.locale),
        directories::look(&wanted.dir),
        directories::not_writable([&around.home, &around.tmp]),
    );
    let lock = around.tmp.join(format!(".s.PGSQL.{}.lock", wanted.port));
    HostFacts {
        host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        user: passwd::current().map_or_else(|_| describe_uid(uid), |account| account.name),
        uid,
        not_writable,
        version: version.map_err(Unseen::into),
        python: python.map(|said| said.map_err(Unseen::into)),
        missing: COMMANDS
            .iter()
            .filter(|command| programs.find(command).is_none())
            .map(ToString::to_string)
            .collect(),
        not_pinged,
        ping_group_range: ping_group_range(),
        locales: locales.map_err(Unseen::into),
        nofile: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        place,
        port_held: port_check::check_free(wanted.port).err().map(|e| e.to_string()),
        socket_lock: lock.exists(),
        unix_millis: unix_millis(),
    }
}

/// This host's clock, Unix milliseconds.
pub(crate) fn unix_millis() -> u64 {
    u64::try_from(clock::since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// As gpinitsystem asks every host (`POSTGRES_VERSION_CHK`), with the libraries that the script sets.
async fn version(programs: &Programs, home: &Path) -> Result<String, Unseen> {
    let postgres = home.join("bin/postgres");
    if !postgres.is_file() {
        return Err(Unseen::Missing(postgres.display().to_string()));
    }
    let script = script(home)?;
    let line = r#". "$1" >/dev/null 2>&1; exec "$2" --gp-version"#;
    let said = programs.bash(line, [script.as_os_str(), postgres.as_os_str()]).await?;
    Ok(said.trim().to_string())
}

fn script(home: &Path) -> Result<PathBuf, Unseen> {
    let mut scripts = SCRIPTS.iter().map(|name| home.join(name));
    scripts.find(|path| path.is_file()).ok_or_else(|| Unseen::NoScript {
        home: home.to_path_buf(),
        scripts: SCRIPTS,
    })
}

/// Only where gpstart is a Python script; its first line says which Python.
async fn python(programs: &Programs, home: &Path) -> Option<Result<String, Unseen>> {
    let mut beginning = Vec::new();
    let file = std::fs::File::open(home.join("bin/gpstart")).ok()?;
    file.take(256).read_to_end(&mut beginning).ok()?;
    let beginning = String::from_utf8_lossy(&beginning);
    let python = python_of(&beginning)?;
    let script = match script(home) {
        Ok(script) => script,
        Err(unseen) => return Some(Err(unseen)),
    };
    let line = r#". "$1" >/dev/null 2>&1; exec "$2" -c "$3""#;
    let arguments = [script.as_os_str(), python.as_ref(), IMPORT.as_ref()];
    let said = programs.bash(line, arguments).await;
    Some(said.map(|said| said.trim().to_string()).map_err(|unseen| {
        let words = unseen.to_string();
        // The last line of a traceback says what is wrong.
        let why = words.rsplit("; ").next().unwrap_or(&words).to_string();
        let python = python.to_string();
        Unseen::Python { python, why }
    }))
}

async fn pings(programs: &Programs, hosts: &[String]) -> Vec<(String, String)> {
    let tries = stream::iter(hosts.to_vec()).map(|host| async move {
        let answer = programs.run("ping", ["-c", "1", "--", host.as_str()]).await;
        Some((host, answer.err()?.to_string()))
    });
    tries
        .buffered(PINGS)
        .filter_map(|failed| async { failed })
        .collect()
        .await
}

fn ping_group_range() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

async fn locales(programs: &Programs, wanted: &str) -> Result<Vec<String>, Unseen> {
    let all = programs.run("locale", ["-a"]).await?;
    Ok(all
        .lines()
        .map(str::trim)
        .filter(|name| same_locale(name, wanted))
        .map(str::to_string)
        .collect())
}
