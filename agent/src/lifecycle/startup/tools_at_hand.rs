//! Makes the engine's tools work for whoever comes in by `kubectl exec`, a shell or ssh, without preparation.

use crate::engine::Engine;
use crate::lifecycle::pod::paths::{tool_environment_file, tool_links_dir};
use crate::sys::process::tool_links;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::process::passwd::Account;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// bash reads it in interactive shells that are no login shells; also, as Debian builds it, for every command that comes
/// over ssh, where it must neither cost time nor print anything (gp tools parse what such commands print).
const BASHRC: &str = "# Written by gp-agent: interactive shells know this pod's database.\n\
                      case $- in *i*) eval \"$(gp-agent env)\" ;; esac\n";

/// Writes what the tools need to know, then the links by which they are called. A pod works without: what fails is only
/// logged.
pub(super) async fn provide(engine: &Engine, me: &Member, account: &Account) {
    let inherited = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    let known = engine.tool_environment(me, account, &inherited.collect());
    let home = account.home.clone();
    let written = tokio::task::spawn_blocking(move || {
        let json = serde_json::to_vec(&known)?;
        write_atomically(&tool_environment_file(), &json, 0o600)?;
        tool_links::renew(&tool_links_dir(), &tool_links::own_path()?, &known.bin)?;
        write_bashrc(&home)
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("tools are not prepared for kubectl exec: {error}"),
        Err(error) => tracing::warn!("tools are not prepared for kubectl exec: {error}"),
    }
}

/// Somebody else's file stays.
fn write_bashrc(home: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(home.join(".bashrc"))
    {
        Ok(mut file) => file.write_all(BASHRC.as_bytes()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}
