use super::*;
use crate::cluster::content::ContentId;
use crate::cluster::topology::Role;
use crate::config::Auth;
use crate::postgres::hba::{
    BlockRequest, Client, Database, Grammar, HbaPeer, HbaVerdict, Origin, View, admit, parse, render_block,
};

/// 2026-11-24T06:13:09Z
const START: u64 = 1_795_500_789;

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

fn topology(pods: &[&str]) -> Topology {
    let members = pods.iter().enumerate().map(|(i, pod)| Member {
        pod: pod.to_string(),
        fqdn: format!("{pod}.gp.svc"),
        role: Role::Primary,
        content: ContentId::new(i32::try_from(i).unwrap()),
        port: 40000,
        data_dir: "/d".into(),
    });
    Topology {
        cluster: "c".into(),
        domain: "gp.svc".into(),
        members: members.collect(),
    }
}

fn peers(pods: &[&str], now: u64) -> PeerMap {
    pods.iter().map(|p| (p.to_string(), PeerView::new(now))).collect()
}

#[test]
fn progress_names_three_and_counts_the_rest() {
    let start = START;
    let now = start + 12;
    let mut map = peers(&["a", "b", "c", "d", "e"], start);
    for (i, peer) in map.values_mut().enumerate() {
        peer.failed(format!("E{i}"), start);
    }
    assert_eq!(
        progress(&map, now),
        "0 of 5 peers; waiting for a: E0 since 12 s, b: E1 since 12 s, c: E2 since 12 s and 2 more"
    );
    for pod in ["a", "b", "c", "d"] {
        map.get_mut(pod).unwrap().answered(vec![ip("10.0.0.1")], now);
    }
    assert_eq!(progress(&map, now), "4 of 5 peers; waiting for e: E4 since 12 s");
    assert_eq!(status(&map, now).waiting, vec!["e: E4 since 12 s".to_string()]);
    map.get_mut("e").unwrap().answered(vec![ip("10.0.0.1")], now);
    assert_eq!(progress(&map, now), "5 of 5 peers");
}

#[test]
fn progress_says_when_nothing_was_answered_yet() {
    let now = START;
    let map = peers(&["a"], now);
    assert_eq!(
        progress(&map, now),
        "0 of 1 peers; waiting for a: no answer yet since 0 s"
    );
}

#[test]
fn addresses_outlive_failures() {
    let start = START;
    let later = start + 5;
    let mut peer = PeerView::new(start);
    let two = vec![ip("10.0.0.2"), ip("10.0.0.1"), ip("10.0.0.2")];
    assert_eq!(peer.answered(two, start), Some(vec![]));
    assert_eq!(peer.addresses, [ip("10.0.0.1"), ip("10.0.0.2")]);
    assert!(peer.failed("SERVFAIL".into(), later));
    assert!(!peer.failed("SERVFAIL".into(), later + 1));
    assert_eq!(
        (peer.addresses.len(), peer.since, peer.error.as_deref()),
        (2, later, Some("SERVFAIL"))
    );
    assert_eq!(
        peer.answered(vec![ip("10.0.0.3")], later),
        Some(vec![ip("10.0.0.1"), ip("10.0.0.2")])
    );
    assert_eq!(peer.error, None);
}

#[test]
fn findings_say_since_when_and_what_is_kept() {
    let start = START;
    let now = start + 40;
    let topology = topology(&["a", "b", "c"]);
    let mut map = peers(&["a", "b", "c"], start);
    let a = map.get_mut("a").unwrap();
    a.answered(vec![ip("10.0.0.1")], start);
    a.failed("SERVFAIL from 10.96.0.10".into(), start);
    map.get_mut("b").unwrap().failed("NXDOMAIN".into(), start);
    let c = map.get_mut("c").unwrap();
    c.answered(vec![ip("10.0.0.3")], start);
    c.verdict = NameVerdict::Unverified {
        reason: "no reverse name for 10.0.0.3".into(),
        another_name: false,
    };
    let none = findings(&topology, &map, &BTreeSet::new(), now);
    assert_eq!(none.len(), 2);
    assert!(none[0].to_string().starts_with(
        "error dns b.gp.svc: cannot be looked up since 2026-11-24T06:13:09Z: NXDOMAIN; see that the pod runs"
    ));
    assert!(none[1].to_string().starts_with(
        "warning dns a.gp.svc: cannot be looked up since 2026-11-24T06:13:09Z: SERVFAIL from 10.96.0.10; its last known address 10.0.0.1 is kept; see"
    ));
    let all = findings(&topology, &map, &BTreeSet::from(["c".to_string()]), now);
    assert_eq!(
        all[2].what,
        "pg_hba.conf uses the IP 10.0.0.3 instead of the name: no reverse name for 10.0.0.3"
    );
    let early = findings(&topology, &map, &BTreeSet::new(), start + 1);
    assert_eq!(early.len(), 1, "a young wait is no finding: {early:?}");
}

#[test]
fn a_dead_name_server_is_one_finding() {
    let start = START;
    let pods = ["a", "b", "c", "d", "e"];
    let mut map = peers(&pods, start);
    for peer in map.values_mut() {
        peer.answered(vec![ip("10.0.0.1")], start);
        peer.failed("no answer from 10.96.0.10 within 2 s".into(), start);
    }
    let list = findings(&topology(&pods), &map, &BTreeSet::new(), start + 200);
    assert_eq!(list.len(), 1);
    assert_eq!(
        list[0].what,
        "5 peers cannot be looked up since 2026-11-24T06:13:09Z (a, b, c and 2 more): no answer from 10.96.0.10 within 2 s; their last known addresses are kept"
    );
    assert_eq!(
        (list[0].severity, list[0].subject.as_str()),
        (Severity::Warning, "gp.svc")
    );
}

#[test]
fn a_coordinator_is_admitted_whichever_name_its_address_has_first() {
    let mut topology = topology(&["coordinator-0", "segment-a-0"]);
    topology.members[0].content = ContentId::COORDINATOR;
    topology.members[0].role = Role::Coordinator;
    topology.members[1].content = ContentId::new(0);
    let [coordinator, me] = &topology.members[..] else {
        panic!("{topology:?}")
    };
    let address = ip("10.0.0.1");
    let mut peer = PeerView::new(START);
    assert_eq!(peer.in_hba(coordinator), PeerAddress::Unknown);
    peer.answered(vec![address], START);
    assert_eq!(peer.in_hba(coordinator), PeerAddress::Addresses(vec![address]));
    peer.verdict = NameVerdict::Verified(coordinator.fqdn.clone());
    let block = render_block(&BlockRequest {
        topology: &topology,
        me,
        user: "gpadmin",
        auth: Auth::Trust,
        peers: &[HbaPeer {
            pod: coordinator.pod.clone(),
            address: peer.in_hba(coordinator),
        }],
        extra: &[],
        grammar: Grammar::default(),
    });
    let file = parse(&block.text);
    let client = Client::new(
        Origin::Host {
            address,
            ssl: false,
            gss: false,
        },
        Database::Named("postgres".into()),
        "gpadmin",
    );
    for first in ["coordinator-0.gp.svc", "10-0-0-1.clients.svc"] {
        let mut view = View::default();
        view.set_reverse(address, first);
        view.set_forward(first, vec![address]);
        let verdict = admit(&file, &client, &view);
        assert!(matches!(verdict, HbaVerdict::Admitted(_)), "{first}");
    }
    // Nothing changes a segment's name.
    assert_eq!(peer.in_hba(me), PeerAddress::Name(me.fqdn.clone()));
}

#[test]
fn a_pod_that_is_not_in_dns_is_one_finding() {
    let pods = ["a", "b"];
    let mut map = peers(&pods, START);
    for peer in map.values_mut() {
        peer.answered(vec![ip("10.0.0.1")], START);
        peer.verdict = NameVerdict::Unverified {
            reason: "no reverse name for 10.0.0.1".into(),
            another_name: false,
        };
        peer.libc_differs = Some("this pod's libc does not find it".into());
    }
    let matter = pods.map(str::to_string).into();
    assert_eq!(findings(&topology(&pods), &map, &matter, START + 200).len(), 4);
    map.get_mut("a").unwrap().failed("NXDOMAIN".into(), START + 1);
    let list = findings(&topology(&pods), &map, &matter, START + 200);
    let of_a: Vec<_> = list.iter().filter(|f| f.subject.starts_with("a.")).collect();
    assert!(
        of_a.len() == 1 && of_a[0].what.contains("cannot be looked up"),
        "{list:?}"
    );
    assert_eq!(list.len(), 3, "{list:?}");
}

#[test]
fn a_pod_that_has_left_is_admitted_by_its_name_alone() {
    let mut topology = topology(&["coordinator-0", "segment-a-0"]);
    topology.members[0].content = ContentId::COORDINATOR;
    topology.members[1].content = ContentId::new(0);
    for member in &topology.members {
        let name = PeerAddress::Name(member.fqdn.clone());
        for (verified, afterwards) in [(true, name), (false, PeerAddress::Unknown)] {
            let mut peer = PeerView::new(START);
            peer.answered(vec![ip("10.0.0.1")], START);
            if verified {
                peer.verdict = NameVerdict::Verified(member.fqdn.clone());
            }
            let before = peer.in_hba(member);
            peer.failed("NXDOMAIN".into(), START + 100);
            // Its pod is being replaced, or only DNS says so.
            for (gone, now) in [(true, START + 100), (true, START + 159), (false, START + 200)] {
                peer.is_gone(gone, now);
                assert_eq!(peer.in_hba(member), before, "{gone} {now}");
            }
            assert!(peer.is_gone(true, START + 160));
            assert!(!peer.is_gone(true, START + 170));
            assert_eq!(peer.in_hba(member), afterwards);
            peer.answered(vec![ip("10.0.0.1")], START + 300);
            assert_eq!(peer.in_hba(member), before);
        }
    }
}

#[test]
fn another_name_is_a_finding_where_the_name_stands_alone() {
    let mut topology = topology(&["coordinator-0", "segment-a-0"]);
    topology.members[0].content = ContentId::COORDINATOR;
    let matter = BTreeSet::from(["coordinator-0".to_string(), "segment-a-0".to_string()]);
    let subjects = |another_name| {
        let mut map = peers(&["coordinator-0", "segment-a-0"], START);
        for peer in map.values_mut() {
            peer.answered(vec![ip("10.0.0.1")], START);
            peer.verdict = NameVerdict::Unverified {
                reason: "r".into(),
                another_name,
            };
        }
        let subject = |finding: Finding| finding.subject;
        findings(&topology, &map, &matter, START)
            .into_iter()
            .map(subject)
            .collect::<Vec<_>>()
    };
    assert_eq!(subjects(true), ["segment-a-0.gp.svc"]);
    assert_eq!(subjects(false), ["coordinator-0.gp.svc", "segment-a-0.gp.svc"]);
}
