//! `gp-agent render`: what would be written, to standard output.

use super::args::Rendering;
use crate::domain::config::Config;
use crate::domain::hba::{self, BlockRequest};
use crate::domain::topology::Topology;
use crate::lifecycle::{discover, host, ssh, view};
use crate::sys::config_file;
use std::fmt::Write;
use std::path::Path;

/// Prints one thing. The exit code is 1 when it cannot be rendered.
pub(super) async fn render(path: &Path, what: Rendering) -> u8 {
    match rendered(path, what).await {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(words) => {
            eprintln!("{words}");
            1
        }
    }
}

async fn rendered(path: &Path, what: Rendering) -> Result<String, String> {
    let config = config_file::read(path).map_err(|e| e.to_string())?;
    if what == Rendering::Topology {
        return Ok(topology(&config));
    }
    let (account, topology, me) = host::identify(&config).map_err(|f| f.to_string())?;
    if what == Rendering::KnownHosts {
        let setup = host::ssh_setup(&config, &account, &topology, &me);
        return Ok(ssh::known_hosts(&setup).await);
    }
    let (peers, _) = discover::once(&topology, &me, &account.name).await;
    let block = hba::render_block(&BlockRequest {
        topology: &topology,
        me: &me,
        user: &account.name,
        auth: config.hba.auth,
        peers: &view::hba_peers(&topology, &me, &peers),
        extra: &config.hba.extra,
    });
    let block = block.map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    let existing = std::fs::read_to_string(me.data_dir.join("pg_hba.conf")).unwrap_or_default();
    Ok(hba::splice(&existing, &block))
}

/// Who is who. Needs no cluster: without `domain` in the file the short names are shown.
fn topology(config: &Config) -> String {
    let domain = config
        .domain
        .clone()
        .unwrap_or_else(|| "<this pod's domain>".into());
    let topology = Topology::new(config, &domain);
    let mut text = format!("cluster {}, domain {domain}\n\n", topology.cluster);
    let width = topology
        .members
        .iter()
        .map(|m| m.pod.len())
        .max()
        .unwrap_or(0)
        .max(3);
    let _ = writeln!(
        text,
        "{:<width$}  {:<11}  CONTENT  {:<5}  DATA DIRECTORY",
        "POD", "ROLE", "PORT"
    );
    for m in &topology.members {
        let _ = write!(
            text,
            "{:<width$}  {:<11}  {:<7}  {:<5}  {}",
            m.pod,
            m.role,
            m.content,
            m.port,
            m.data_dir.display()
        );
        match topology.partner(m).filter(|_| !m.role.is_writable()) {
            Some(from) => {
                let _ = writeln!(text, "  streams from {}", from.pod);
            }
            None => text.push('\n'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_small_cluster() {
        let yaml = "cluster: w\nengine: postgres\ndomain: gp.local\ncoordinator: {standby: true}\nsegments: {count: 1, mirrors: segment-b}\n";
        let config = crate::domain::config::load(yaml, "c", std::iter::empty()).unwrap();
        insta::assert_snapshot!(super::topology(&config), @"");
    }
}
