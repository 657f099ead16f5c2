//! What a standby is started with beyond the settings of every server, and whether the one that runs follows its primary.

use crate::engine::ServerOption;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE as MODE;
use crate::sys::postgres::session::Session;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::settings::{value_of, without};
use gp_agent_core::postgres::standby::names_another;
use gp_agent_core::postgres::start_decision::DirectoryKind;
use std::io;
use std::path::Path;

const NAME: &str = "primary_conninfo";
/// Where ALTER SYSTEM and pg_basebackup -R write, and where it stands before PostgreSQL 12.
const FILES: [&str; 2] = ["postgresql.auto.conf", "recovery.conf"];

/// Makes a standby's directory ready for a start; what its server is told on the command line. A line that an ALTER SYSTEM
/// or an older topology left would be believed by whoever starts the server by hand, so it goes.
pub(crate) async fn prepare(pod: &Pod) -> Result<Vec<ServerOption>> {
    let dir = pod.dir();
    let examined = pod.examine().await;
    let examined = examined.with_context(|| format!("cannot examine {}", dir.display()))?;
    if examined.directory.kind != DirectoryKind::Standby {
        return Ok(Vec::new());
    }
    let source = pod.partner().map(|partner| pod.source(partner));
    let options = pod
        .engine
        .standby_options(dir, source, &examined.control.required)
        .await;
    let given: Vec<&'static str> = options.iter().map(|(name, _)| *name).collect();
    if let Some(partner) = pod.partner().filter(|_| given.contains(&NAME)) {
        let (hosts, port) = (hosts(pod, partner), partner.port);
        let file = dir.join(FILES[0]);
        pod.volume.run(move || drop_stale(&file, &given, &hosts, port)).await?;
    }
    for (name, value) in &options {
        tracing::info!("this standby starts with {name} = {value}");
    }
    Ok(options)
}

/// The other end may be called by name or by address.
fn hosts(pod: &Pod, partner: &Member) -> Vec<String> {
    let mut hosts = vec![partner.fqdn.clone(), partner.pod.clone()];
    let peers = pod.peers.borrow();
    let known = peers.get(&partner.pod).into_iter();
    hosts.extend(known.flat_map(|peer| &peer.addresses).map(ToString::to_string));
    hosts
}

fn another(conninfo: &str, hosts: &[String], port: u16) -> Option<String> {
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    names_another(conninfo, &hosts, port)
}

fn drop_stale(file: &Path, given: &[&str], hosts: &[String], port: u16) -> io::Result<()> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        // A server starts without it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(io::Error::new(
                error.kind(),
                format!("cannot read {}: {error}", file.display()),
            ));
        }
    };
    let Some(how) = value_of(&text, NAME).and_then(|value| another(&value, hosts, port)) else {
        return Ok(());
    };
    tracing::warn!(path = %file.display(), "removing {} of an earlier time: {how}", given.join(", "));
    write_atomically(file, &without(&text, given), MODE).map(drop)
}

/// Looks whom the running standby follows, and whom its files would have it follow.
pub(super) async fn report(pod: &Pod, session: &mut Session) {
    let findings = match pod.partner() {
        Some(partner) => judge(pod, partner, session).await,
        None => Vec::new(),
    };
    pod.board.findings(FindingSource::Standby, findings);
}

async fn judge(pod: &Pod, partner: &Member, session: &mut Session) -> Vec<Finding> {
    let is_standby = |kind: Option<DirectoryKind>| kind == Some(DirectoryKind::Standby);
    if !pod.board.read(|s| is_standby(s.directory.kind) && s.postmaster.runs()) {
        return Vec::new();
    }
    let (hosts, port) = (hosts(pod, partner), partner.port);
    let Some(sql) = pod.engine.follows_sql() else {
        return by_files(pod, partner, &hosts).await.into_iter().collect();
    };
    let Ok(rows) = session.ask(sql).await else {
        return Vec::new();
    };
    let cell = |i: usize| rows.first().and_then(|row| row.get(i).cloned().flatten());
    let place = format!("{}:{port}", partner.fqdn);
    let mut findings = Vec::new();
    if let Some(how) = cell(0).and_then(|running| another(&running, &hosts, port)) {
        findings.push(Finding::error(
            Area::Postgres,
            NAME,
            format!("the running standby does not follow its primary {place}: {how}"),
            "restart the pod; the agent sets it at every start of a standby",
        ));
    } else if let Some(how) = cell(1).and_then(|file| another(&file, &hosts, port)) {
        findings.push(Finding::warning(
            Area::Postgres,
            NAME,
            format!("ALTER SYSTEM has set it, and {how}; this server was started with {place} and does not use that"),
            "ALTER SYSTEM RESET primary_conninfo",
        ));
    }
    findings
}

/// Where replicas refuse SQL and tools write the files, only a stream that is missing is looked into.
async fn by_files(pod: &Pod, partner: &Member, hosts: &[String]) -> Option<Finding> {
    let streams = pod
        .board
        .read(|s| s.active_role.is_some() || s.postmaster.answered.is_none());
    if streams {
        return None;
    }
    let dir = pod.dir().to_path_buf();
    let look = move || {
        let mut texts = FILES
            .iter()
            .map(|file| std::fs::read(dir.join(file)).unwrap_or_default());
        texts.find_map(|text| value_of(&text, NAME))
    };
    let value = pod.volume.run(look).await.unwrap_or_default();
    let how = another(&value, hosts, partner.port)?;
    Some(Finding::error(
        Area::Postgres,
        NAME,
        format!(
            "receives no stream, and {how}; its primary is {}:{}",
            partner.fqdn, partner.port
        ),
        "once the catalog calls this mirror down, gprecoverseg -aF makes it anew (without -F it leaves a directory with standby.signal as it is; for a standby coordinator: gpinitstandby -r, then gpinitstandby -s)",
    ))
}
