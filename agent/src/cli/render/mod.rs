//! `gp-agent render`: what would be written, to standard output.

mod findings;
pub(super) mod gpinitsystem;
pub(super) mod topology;

use super::args::Rendering;
use crate::lifecycle::peers::discovered;
use crate::lifecycle::settings::hba_verification;
use crate::lifecycle::{ssh, startup};
use crate::sys::config::config_file;
use anyhow::{Error, Result};
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use gp_agent_core::postgres::hba;
use gp_agent_core::postgres::hba::BlockRequest;
use gp_agent_core::process::passwd::Account;
use gpinitsystem::render_gpinitsystem;
use std::path::Path;
use topology::render_topology;

/// Prints one thing. The exit code is 1 when it cannot be rendered.
pub(super) async fn render(path: &Path, what: Rendering) -> u8 {
    match rendered(path, what).await {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(error) => {
            eprintln!("{error:#}");
            1
        }
    }
}

async fn rendered(path: &Path, what: Rendering) -> Result<String> {
    let config = config_file::read(path)?;
    if what == Rendering::Topology {
        return Ok(topology(&config));
    }
    if what == Rendering::Gpinitsystem {
        return render_gpinitsystem(&config).await;
    }
    let (account, topology, me) = startup::identify(&config).map_err(Error::msg)?;
    if what == Rendering::KnownHosts {
        let setup = startup::ssh_setup(&config, &account, &topology, &me);
        return Ok(ssh::known_hosts(&setup).await);
    }
    Ok(render_hba(&config, &account, &topology, &me).await)
}

/// pg_hba.conf as it would be written. What is left out is said on standard error, as by `gp-agent check config`.
async fn render_hba(config: &Config, account: &Account, topology: &Topology, me: &Member) -> String {
    let (peers, _) = discovered::look(topology, me, &account.name).await;
    let block = hba::render_block(&BlockRequest {
        topology,
        me,
        user: &account.name,
        auth: config.hba.auth,
        peers: &hba_verification::hba_peers(topology, me, &peers),
        extra: &config.hba.extra,
        grammar: hba_verification::grammar(config).await,
    });
    for error in &block.left_out {
        eprintln!("left out: {error}");
    }
    let existing = std::fs::read(me.data_dir.join("pg_hba.conf")).unwrap_or_default();
    let (text, _) = hba::with_load_mark(&block.text);
    String::from_utf8_lossy(&hba::splice(&existing, &text)).into_owned()
}

/// Who is who. Needs no cluster: outside of it the domain may stay unknown.
fn topology(config: &Config) -> String {
    render_topology(config, startup::domain(config).ok().as_deref())
}
