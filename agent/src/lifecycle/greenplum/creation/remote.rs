//! What the coordinator's agent does on every host over ssh, all hosts at once.

use super::progress::{show, tell};
use super::set_aside;
use super::set_aside::Whole;
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::coordinator_timeline;
use crate::lifecycle::pod::Pod;
use crate::sys::greenplum::preflight;
use crate::sys::greenplum::preflight::{Surroundings, unix_millis};
use crate::sys::ssh::programs;
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::quote;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::greenplum::preflight::{
    HostQuestion, Judgement, LookError, PreflightAnswer, Rules, arguments, judge, read_answer,
};
use gp_agent_core::process::timeouts;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

const AT_ONCE: usize = 32;
const ANSWER_WITHIN: Duration = timeouts::REMOTE_COMMAND_ENDS;
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// What ssh is told of the peers; there once the keys are installed.
pub(super) fn client_config(pod: &Pod) -> PathBuf {
    pod.account.home.join(".ssh/config")
}

/// Runs a command line on every one of the hosts but this one; with each answer the time that it took.
async fn everywhere<'a>(
    pod: &Pod,
    members: impl Iterator<Item = &'a Member>,
    command: impl Fn(&Member) -> String,
) -> Vec<(&'a Member, Span, Result<String, programs::ToolError>)> {
    let config = client_config(pod);
    let calls = members.filter(|m| m.pod != pod.me.pod).map(|member| {
        let (config, command) = (&config, command(member));
        async move {
            let asked = unix_millis();
            let said = programs::run_there(config, &member.fqdn, &command, ANSWER_WITHIN).await;
            let answered = unix_millis();
            (member, Span { asked, answered }, said)
        }
    });
    stream::iter(calls).buffer_unordered(AT_ONCE).collect().await
}

/// Unix milliseconds of this host's clock.
#[derive(Clone, Copy)]
struct Span {
    asked: u64,
    answered: u64,
}

/// Sets aside what an unfinished creation left on these hosts.
///
/// # Errors
/// All hosts where that failed, and why.
pub(super) async fn clear<'a>(pod: &Pod, members: impl Iterator<Item = &'a Member> + Clone) -> Result<()> {
    let mut failed = Vec::new();
    if members.clone().any(|m| m.pod == pod.me.pod) {
        let cleared = match coordinator_timeline::read(&pod.state_dir()) {
            Ok(heard_of) => set_aside::clear(pod.dir(), &pod.state_dir(), pod.me.port, &heard_of, Whole::Kept).await,
            // What belongs to a created cluster must not be touched, and that is not known here.
            Err(error) => Err(error.into()),
        };
        if let Err(error) = cleared {
            failed.push(format!("{}: {error:#}", pod.me.pod));
        }
    }
    let command = set_aside_command(pod, Whole::Kept);
    for (member, _, said) in everywhere(pod, members, |_| command.clone()).await {
        match said {
            Ok(said) => tracing::info!("{}: set aside: {}", member.pod, said.trim()),
            Err(error) => failed.push(format!("{}: {error}", member.pod)),
        }
    }
    if !failed.is_empty() {
        failed.sort();
        bail!("cannot set aside what an earlier attempt left: {}", failed.join("; "));
    }
    Ok(())
}

/// Sets aside what gpaddmirrors, broken off, left on another pod's host.
///
/// # Errors
/// That failed, and why; as for a directory of a primary.
pub(in crate::lifecycle) async fn clear_other(pod: &Pod, member: &Member) -> Result<()> {
    let command = set_aside_command(pod, Whole::IfStandby);
    let said = programs::run_there(&client_config(pod), &member.fqdn, &command, ANSWER_WITHIN).await;
    let said = said.with_context(|| format!("cannot set aside what an earlier run left in {}", member.pod))?;
    tracing::warn!("{}: set aside: {}", member.pod, said.trim());
    Ok(())
}

/// Stops the server on another pod's host, if one runs there that gpexpand has started. Of one that was lost with its pod the lock
/// file may be left, and another process may have its number by now: that is none of it when it works elsewhere.
///
/// # Errors
/// That failed, and why.
pub(in crate::lifecycle) async fn stop_server(pod: &Pod, greenplum: &Greenplum, member: &Member) -> Result<()> {
    let dir = member.data_dir.display().to_string();
    let (home, pid) = (
        greenplum.home().display(),
        quote::shell(&format!("{dir}/postmaster.pid")),
    );
    let dir = quote::shell(&dir);
    let command = format!(
        "[ ! -e {pid} ] || {{ p=$(head -n 1 {pid}); \
         if [ \"$(readlink \"/proc/$p/cwd\")\" = \"$(readlink -f {dir})\" ]; then \
         for f in greenplum_path.sh cloudberry-env.sh; do [ ! -e {home}/$f ] || . {home}/$f; done; \
         {home}/bin/pg_ctl -D {dir} -m immediate stop || [ ! -e {pid} ]; else rm -f {pid}; fi; }}"
    );
    let said = programs::run_there(&client_config(pod), &member.fqdn, &command, ANSWER_WITHIN).await;
    said.map(drop)
        .with_context(|| format!("cannot stop the server in {}", member.pod))
}

fn set_aside_command(pod: &Pod, whole: Whole) -> String {
    let mut words = vec![own_program(), "set-aside".into(), pod.topology.cluster.clone()];
    words.extend((whole == Whole::IfStandby).then(|| "--copy".into()));
    command_line(&words)
}

/// The same image, so the same path, on every host.
fn own_program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| "/usr/local/bin/gp-agent".into());
    path.display().to_string()
}

fn command_line(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote::shell(word)).collect();
    format!("exec {}", quoted.join(" "))
}

/// Looks at every host for what gpinitsystem needs, again and again until nothing is missing. Returns the locale as the
/// coordinator spells it.
pub(super) async fn preflight(pod: &Pod, greenplum: &Greenplum) -> String {
    tell(pod, "looking at every host");
    loop {
        let judgement = look(pod, greenplum).await;
        pod.board.findings(FindingSource::Preflight, judgement.findings.clone());
        match &judgement.locale {
            Some(locale) if judgement.passes() => return locale.clone(),
            _ => {
                let what = format!("the hosts are not ready: {}", judgement.summary());
                show(pod, Phase::Refused, &what);
                sleep(LOOK_AGAIN).await;
            }
        }
    }
}

async fn look(pod: &Pod, greenplum: &Greenplum) -> Judgement {
    let config = pod.config.borrow().clone();
    let members = || pod.topology.members.iter();
    let command = |member: &Member| {
        let arguments = arguments(&wanted(pod, greenplum, member));
        command_line(&[vec![own_program()], arguments].concat())
    };
    let mine = wanted(pod, greenplum, &pod.me);
    let around = Surroundings::current();
    let asked = unix_millis();
    let (own, said) = tokio::join!(preflight::look(&mine, &around), everywhere(pod, members(), command));
    // The slowest of the others may have answered long after this host did.
    let own = PreflightAnswer {
        member: &pod.me,
        asked,
        answered: unix_millis(),
        said: Ok(own),
    };
    let theirs = said.into_iter().map(|(member, span, said)| PreflightAnswer {
        member,
        asked: span.asked,
        answered: span.answered,
        said: said.map_err(LookError::new).and_then(|printed| read_answer(&printed)),
    });
    let mut answers: Vec<PreflightAnswer<'_>> = std::iter::once(own).chain(theirs).collect();
    answers.sort_by_key(|a| members().position(|m| m.pod == a.member.pod));
    judge(
        &answers,
        &Rules {
            locale: &config.greenplum.locale,
            min_free_mib: config.storage.min_free_mib,
        },
    )
}

/// gpinitsystem pings every host from the coordinator's; the others have to reach the coordinator alone.
fn wanted(pod: &Pod, greenplum: &Greenplum, member: &Member) -> HostQuestion {
    let ping = match member.pod == pod.me.pod {
        true => pod.topology.peers(&pod.me).map(|m| m.fqdn.clone()).collect(),
        false => vec![pod.me.fqdn.clone()],
    };
    HostQuestion {
        home: greenplum.home().to_path_buf(),
        dir: member.data_dir.clone(),
        port: member.port,
        locale: pod.config.borrow().greenplum.locale.clone(),
        ping,
    }
}
