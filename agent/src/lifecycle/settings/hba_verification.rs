//! How the peers look from this pod: for the lines of pg_hba.conf, and for the proof that they admit whom they should.

use crate::engine;
use crate::lifecycle::pod::Pod;
use crate::sys::discovery::interfaces::{interfaces, own_addresses};
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::{Auth, Config, HbaConfig};
use gp_agent_core::discovery::name_check::NameVerdict;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::hba;
use gp_agent_core::postgres::hba::{ExtraLineError, Grammar, HbaPeer, PeerAddress, ResolvedView, View};
use std::path::Path;

/// How each pod is to be written. This pod stands there by address: its own /etc/hosts would prove its own name right wherever
/// it is wrong.
pub(crate) fn hba_peers(topology: &Topology, me: &Member, map: &PeerMap) -> Vec<HbaPeer> {
    let own = HbaPeer {
        pod: me.pod.clone(),
        address: PeerAddress::Addresses(own_addresses()),
    };
    let peers = topology.peers(me).map(|member| HbaPeer {
        pod: member.pod.clone(),
        address: map
            .get(&member.pod)
            .map_or(PeerAddress::Unknown, |peer| peer.in_hba(member)),
    });
    std::iter::once(own).chain(peers).collect()
}

/// What PostgreSQL would be told by libc about the peers, as far as it has been checked.
fn resolved(topology: &Topology, me: &Member, map: &PeerMap) -> ResolvedView {
    let mut view = View::default();
    view.interfaces = interfaces();
    let mut resolved = ResolvedView::default();
    for member in &topology.members {
        let Some(peer) = map.get(&member.pod) else {
            continue;
        };
        if matches!(peer.verdict, NameVerdict::Verified(_)) {
            for address in &peer.addresses {
                view.set_reverse(*address, member.fqdn.clone());
            }
            view.set_forward(&member.fqdn, peer.addresses.clone());
        }
        let known = peer.addresses.clone();
        resolved.addresses.insert(member.pod.clone(), known);
    }
    resolved.addresses.insert(me.pod.clone(), own_addresses());
    resolved.view = view;
    resolved
}

/// Evaluates the pg_hba.conf in `dir` as PostgreSQL would, for every connection that the topology needs; `fts`: whether
/// Greenplum's FTS has to come in as well.
pub(crate) fn prove_hba(
    topology: &Topology,
    me: &Member,
    user: &str,
    dir: &Path,
    map: &PeerMap,
    fts: bool,
    grammar: Grammar,
) -> Vec<Finding> {
    let path = dir.join("pg_hba.conf");
    match std::fs::read(&path) {
        Ok(bytes) => {
            // The server reads bytes; a comment in another encoding is none of its concern.
            let text = String::from_utf8_lossy(&bytes);
            let mut needs = hba::needs(topology, me, user);
            if fts {
                needs.extend(hba::needs_of_fts(topology, me, user));
            }
            hba::prove(&hba::parse_as(&text, grammar), &needs, &resolved(topology, me, map))
        }
        Err(error) => vec![Finding::error(
            Area::Hba,
            path.display().to_string(),
            format!("cannot be read: {error}"),
            "it is written when the data directory is made; look at the phase of this pod",
        )],
    }
}

/// What the server of this machine knows; the newest version's grammar where there is none.
pub(crate) async fn grammar(config: &Config) -> Grammar {
    let found = engine::find(config).await;
    found.map_or_else(|_| Grammar::default(), |engine| Grammar::of(engine.major_version()))
}

/// The lines of `hba.extra` that are left out.
pub(crate) fn left_out(errors: &[ExtraLineError]) -> Vec<Finding> {
    let finding = |error: &ExtraLineError| {
        Finding::error(
            Area::Hba,
            format!("hba.extra[{}]", error.index),
            format!("\"{}\": {}; the line is left out of pg_hba.conf", error.line, error.why),
            "mend or remove the line in cluster.yaml",
        )
    };
    errors.iter().map(finding).collect()
}

/// What is wrong with `hba` for a server of this grammar.
pub(crate) fn judge_hba(hba: &HbaConfig, grammar: Grammar) -> Vec<Finding> {
    let mut findings = left_out(&hba::judge_extra(&hba.extra, grammar));
    findings.extend(hba::open_lines(&hba.extra, grammar));
    if hba.auth == Auth::ScramSha256 && !grammar.knows_scram() {
        findings.push(Finding::warning(
            Area::Hba,
            "hba.auth",
            "this server does not know scram-sha-256; the pods ask each other for the password with md5",
            "set hba.auth: trust, or use a server that knows SCRAM (Greenplum 7)",
        ));
    }
    findings
}

/// Puts the proof on the board.
pub(crate) fn report_hba(pod: &Pod) {
    let map = pod.peers.borrow().clone();
    let fts = pod.engine.fts_connects();
    let user = &pod.account.name;
    let grammar = Grammar::of(pod.engine.major_version());
    let findings = prove_hba(&pod.topology, &pod.me, user, pod.dir(), &map, fts, grammar);
    pod.board.findings(FindingSource::HbaVerification, findings);
}
