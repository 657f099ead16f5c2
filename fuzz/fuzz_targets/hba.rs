//! pg_hba.conf: read, asked about clients, and the agent's block put into it twice.

#![no_main]

use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::discovery::kept_names::keep_names;
use gp_agent_core::fixtures::large_topology;
use gp_agent_core::postgres::hba::{
    Client, Database, Grammar, HbaPeer, Index, Origin, PeerAddress, View, admit, load_mark, parse, parse_as, splice,
    with_load_mark,
};
use std::net::IpAddr;
use std::sync::LazyLock;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| large_topology(2));

const BLOCK: &str = "# BEGIN gp-agent: gp-agent writes the lines from here to END; put your own below\n\
    local all gpadmin peer\n# END gp-agent: everything below is left alone\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let file = parse(&text);
    let lines = u32::try_from(text.split('\n').count()).unwrap_or(u32::MAX);
    assert!(file.rules.iter().all(|rule| (1..=lines).contains(&rule.line)));
    assert!(file.errors.iter().all(|error| (1..=lines).contains(&error.line)));
    for version in ["9.4", "13.1", "16.0", "17.2"] {
        parse_as(&text, Grammar::of(version));
    }
    let mut view = View::default();
    let peer = IpAddr::from([10, 0, 0, 7]);
    view.set_reverse(peer, "segment-a-0.agent.prod.svc");
    view.set_forward("segment-a-0.agent.prod.svc", vec![peer]);
    let host = Origin::Host {
        address: peer,
        ssl: false,
        gss: false,
    };
    let index = Index::new(&file);
    for (origin, database) in [
        (Origin::Local, Database::Named("postgres".into())),
        (host, Database::PhysicalReplication),
    ] {
        let client = Client::new(origin, database, "gpadmin");
        assert_eq!(index.admit(&client, &view), admit(&file, &client, &view));
    }
    // No name is kept but a pod's own, and none of a line that is not the agent's.
    let unknown = |pod: String| HbaPeer {
        pod,
        address: PeerAddress::Unknown,
    };
    let mut peers: Vec<HbaPeer> = TOPOLOGY
        .members
        .iter()
        .map(|member| unknown(member.pod.clone()))
        .collect();
    keep_names(&text, &TOPOLOGY, "gpadmin", &mut peers);
    for (peer, member) in peers.iter().zip(&TOPOLOGY.members) {
        let kept = peer.address == PeerAddress::Name(member.fqdn.clone()) && text.contains("BEGIN gp-agent");
        assert!(kept || peer.address == PeerAddress::Unknown);
    }
    let once = splice(bytes, BLOCK);
    assert_eq!(splice(&once, BLOCK), once);
    let (marked, mark) = with_load_mark(BLOCK);
    let found = load_mark(&String::from_utf8_lossy(&splice(bytes, &marked)));
    // A line of a person's that looks like the mark stands behind the block, which comes first.
    assert_eq!(found, Some(mark));
});
