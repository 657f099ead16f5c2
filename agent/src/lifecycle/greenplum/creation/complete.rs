//! What gpinitsystem left undone, done by itself: standby, mirrors, and gpadmin's password, which gpinitsystem sets to a
//! word that everybody knows.

use super::progress::tell;
use super::request::with_request;
use super::{remote, verify};
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::tool;
use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::catalog::CatalogAnswer;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::config::Auth;
use gp_agent_core::config::quote;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::greenplum::creation_gaps::CreationGaps;
use gp_agent_core::greenplum::gpinitsystem::{
    GPADDMIRRORS_FILE, gpaddmirrors_arguments, gpaddmirrors_file, gpinitstandby_arguments,
};
use gp_agent_core::process::timeouts;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const CATCH_UP_WITHIN: Duration = timeouts::MIRRORS_CATCH_UP;
const LOOK_AGAIN: Duration = Duration::from_millis(300);
const TRIES: u32 = 2;

/// Finishes. What cannot be finished is a finding: the cluster answers all the same.
///
/// # Errors
/// The cluster itself does not answer.
pub(super) async fn finish(pod: &Pod, greenplum: &Greenplum, folder: &Path) -> Result<()> {
    lock_password(pod).await?;
    let mut lacks = verify::lacks(pod, verify::SERVERS_ANSWER_WITHIN).await?;
    for _ in 0..TRIES {
        if let Err(error) = mend(pod, greenplum, folder, &lacks).await {
            tracing::error!("{error:#}");
        }
        lacks = caught_up(pod).await?;
        if lacks.nothing() {
            break;
        }
    }
    let left = match lacks.nothing() {
        true => Vec::new(),
        false => vec![Finding::error(
            Area::Postgres,
            &pod.topology.cluster,
            format!("the cluster is created, but {}", lacks.summary()),
            "the first error of the tool in the log above says why; mend that, then do what gp-agent status says of each of these pods",
        )],
    };
    pod.board.findings(FindingSource::Creation, left);
    Ok(())
}

/// Takes the finding of [`finish`] back when somebody has done the rest; returns then.
pub(super) async fn finished_by_hand(pod: &Pod) {
    let mut catalog = pod.catalog.subscribe();
    let whole = |answer: &CatalogAnswer| match answer {
        // Whether the standby streams is judged all the time, by what its agent sees.
        CatalogAnswer::Known(catalog) if catalog.live => {
            CreationGaps::of(&pod.topology, &catalog.segments, true).nothing()
        }
        _ => false,
    };
    if catalog.wait_for(whole).await.is_ok() {
        pod.board.findings(FindingSource::Creation, Vec::new());
    }
}

/// gpinitsystem gives gpadmin the password `gparray` (SET_GP_USER_PW); with `auth: scram-sha-256` the Secret's follows.
async fn lock_password(pod: &Pod) -> Result<()> {
    let role = &pod.account.name;
    let sql = format!("alter role {} password null", quote::sql_identifier(role));
    let mut session = pod.session(timeouts::CREATION_ANSWERS);
    session
        .ask(&sql)
        .await
        .context("cannot take away the password that gpinitsystem sets")?;
    if pod.config.borrow().hba.auth == Auth::Trust {
        tracing::info!("the password that gpinitsystem sets for {role} is taken away");
    }
    Ok(())
}

async fn mend(pod: &Pod, greenplum: &Greenplum, folder: &Path, lacks: &CreationGaps) -> Result<()> {
    if !lacks.servers.is_empty() {
        bail!("{}", lacks.summary());
    }
    if lacks.standby.is_some() {
        tell(pod, "making the standby (gpinitstandby)");
        let standby = pod.topology.members.iter();
        remote::clear(pod, standby.filter(|m| m.role == Role::Standby)).await?;
        let arguments = with_request(pod, greenplum, folder, &locale(pod), gpinitstandby_arguments).await;
        let arguments = arguments.map_err(words)?.context("there is no standby")?;
        tool::run(pod, greenplum, "gpinitstandby", &arguments, None).await?;
    }
    if !lacks.mirrors.is_empty() {
        tell(pod, "adding the mirrors (gpaddmirrors)");
        let mirrors = pod.topology.members.iter();
        remote::clear(pod, mirrors.filter(|m| lacks.mirrors.contains(&m.pod))).await?;
        let text = with_request(pod, greenplum, folder, &locale(pod), gpaddmirrors_file).await;
        write_atomically(&folder.join(GPADDMIRRORS_FILE), text.map_err(words)?.as_bytes(), 0o600)?;
        let arguments = with_request(pod, greenplum, folder, &locale(pod), gpaddmirrors_arguments).await;
        tool::run(pod, greenplum, "gpaddmirrors", &arguments, None).await?;
    } else if !lacks.down.is_empty() {
        tell(pod, "recovering the mirrors (gprecoverseg)");
        // Whole copies: a mirror that failed inside gpinitsystem may have no directory, and no primary has much yet.
        let whole = ["-a", "-F"].map(String::from);
        tool::run(pod, greenplum, "gprecoverseg", &whole, None).await?;
    }
    Ok(())
}

fn locale(pod: &Pod) -> String {
    pod.config.borrow().greenplum.locale.clone()
}

fn words(findings: Vec<Finding>) -> anyhow::Error {
    let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", words.join("; "))
}

/// Waits while mirrors and standby only catch up.
async fn caught_up(pod: &Pod) -> Result<CreationGaps> {
    let begin = Instant::now();
    loop {
        let lacks = verify::lacks(pod, verify::SERVERS_ANSWER_WITHIN).await?;
        let only_behind = lacks.standby.is_none()
            && [&lacks.servers, &lacks.mirrors, &lacks.down]
                .iter()
                .all(|l| l.is_empty());
        if lacks.nothing() || !only_behind || begin.elapsed() >= CATCH_UP_WITHIN {
            return Ok(lacks);
        }
        tell(pod, &format!("waiting: {}", lacks.summary()));
        sleep(LOOK_AGAIN).await;
    }
}
