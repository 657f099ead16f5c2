//! Whether somebody used a cluster whose creation was broken off: it answers from the moment on in which gpinitsystem has
//! started it, a while before anybody has written down that it is whole. The coordinator's catalog knows of every table,
//! database and role, so it alone is asked, also when its server has to be started for that.

use super::request::logs;
use super::{gpinitsystem, verify};
use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::session::NoAnswer;
use crate::sys::process::Process;
use anyhow::{Context, Result, bail};
use gp_agent_core::greenplum::creation_state::MADE_BY_SOMEBODY;
use gp_agent_core::process::timeouts;
use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const ANSWER_WITHIN: Duration = timeouts::USE_TOLD;
const ASK_AGAIN: Duration = Duration::from_millis(300);
/// A server that was killed recovers first.
const COMES_UP_WITHIN: Duration = timeouts::CRASHED_COMES_UP;
const ENDS_WITHIN: Duration = timeouts::SERVER_ENDS;

/// What the coordinator says.
enum Said {
    /// What somebody made.
    Made(Vec<String>),
    /// Nothing; why.
    Nothing(String),
}

/// What somebody made there, in words; `None` when nobody did, or when nobody could: the coordinator does not say so, and
/// gpinitsystem had not come to the start of the cluster.
///
/// # Errors
/// Nobody can tell.
pub(super) async fn by_somebody(pod: &Pod, greenplum: &Greenplum) -> Result<Option<String>> {
    let why = match look(pod, greenplum).await? {
        Said::Made(made) => return Ok((!made.is_empty()).then(|| made.join(", "))),
        Said::Nothing(why) => why,
    };
    let (folder, dir) = (logs(pod), pod.dir().to_path_buf());
    let there = move || dir.symlink_metadata().is_ok();
    let (there, log) = (pod.volume.run(there).await, gpinitsystem::log_of_attempt(&folder));
    let log = log.with_context(|| {
        format!(
            "cannot tell by gpinitsystem's log in {} how far it came",
            folder.display()
        )
    })?;
    if log.excludes_use(there) {
        return Ok(None);
    }
    bail!(
        "the creation was broken off after the cluster could be used, and whether somebody has used it cannot be told: {why}; mend that, and it is kept or made anew by itself; only if nobody has used it, move {} and the gpinitsystem_*.log files of {} away, and it is made anew",
        pod.dir().display(),
        folder.display()
    );
}

async fn look(pod: &Pod, greenplum: &Greenplum) -> Result<Said> {
    if verify::runs(pod) {
        return ask(pod, None).await;
    }
    // What a killed initdb left need not even be readable.
    match pod.examine().await {
        Ok(examined) if examined.directory.kind.is_whole() => {}
        Ok(examined) => {
            let what = examined.remains.unwrap_or_else(|| "there is no data directory".into());
            return Ok(Said::Nothing(format!("{}: {what}", pod.dir().display())));
        }
        Err(error) => {
            let what = format!("{} cannot be examined: {error}", pod.dir().display());
            return Ok(Said::Nothing(what));
        }
    }
    let server = start(pod, greenplum)?;
    let answer = ask(pod, Some(&server)).await;
    stop(&server).await?;
    answer
}

/// Asks until the server answers, or `server` has ended.
async fn ask(pod: &Pod, server: Option<&Process>) -> Result<Said> {
    let mut session = pod.utility_session(ANSWER_WITHIN);
    let begin = Instant::now();
    let ended = async {
        match server {
            Some(server) => drop(server.ended().await),
            None => std::future::pending().await,
        }
    };
    tokio::pin!(ended);
    loop {
        let answer = tokio::select! {
            answer = session.ask(MADE_BY_SOMEBODY) => answer,
            () = &mut ended => return Ok(Said::Nothing("its coordinator ended before it answered; its log says why".into())),
        };
        match answer {
            Ok(rows) => {
                let made: Vec<String> = rows
                    .into_iter()
                    .filter_map(|row| row.into_iter().flatten().next())
                    .collect();
                return Ok(Said::Made(made));
            }
            // One that initdb did not come to the end of, or one that has a trouble of its own.
            Err(NoAnswer::Refused(words)) => return Ok(Said::Nothing(format!("its coordinator says: {words}"))),
            Err(error) if begin.elapsed() >= COMES_UP_WITHIN => bail!(
                "the coordinator of a creation that was broken off does not say whether somebody has used it: {error}; stop it (pg_ctl stop -m fast -D {}) to have it looked into anew",
                pod.dir().display()
            ),
            Err(_) => sleep(ASK_AGAIN).await,
        }
    }
}

/// For nobody but the agent: it neither listens nor looks for its cluster.
fn start(pod: &Pod, greenplum: &Greenplum) -> Result<Process> {
    pidfile::remove_stale(pod.dir())?;
    pidfile::remove_stale_socket_lock(Path::new("/tmp"), pod.me.port)?;
    let mut command = Command::new(greenplum.program("postgres"));
    command
        .envs(greenplum.environment())
        .arg("-D")
        .arg(pod.dir())
        .args(["-p", &pod.me.port.to_string(), "-c", "listen_addresses="])
        .args(["-c", greenplum.version().family.utility_setting()])
        .env_remove("GP_AGENT_INIT_FD")
        .stdin(Stdio::null());
    tracing::info!("starting the coordinator to see whether somebody has used it");
    Process::spawn(&mut command).context("cannot start the postmaster")
}

async fn stop(server: &Process) -> Result<()> {
    for signal in [Signal::INT, Signal::QUIT] {
        // One that has ended needs none.
        let _ = server.signal(signal);
        if timeout(ENDS_WITHIN, server.ended()).await.is_ok() {
            return Ok(());
        }
    }
    bail!(
        "the coordinator that was started to look into it does not end (process {})",
        server.pid()
    );
}
