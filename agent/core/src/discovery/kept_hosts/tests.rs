use super::*;
use crate::cluster::topology::{Member, Topology};
use crate::discovery::peers::{PeerMap, PeerView};
use crate::postgres::hba::required_connections::tests::topology;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// kubelet's file.
const FOREIGN: &str = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.0.9.9\tme.gp.svc\tme\n";

fn ip(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

fn place(name: &str, at: Whereabouts) -> KeptHost {
    let alias = name.split('.').next().unwrap_or_default();
    KeptHost {
        name: name.into(),
        alias: alias.into(),
        at,
    }
}

fn at(name: &str, addresses: &[u8]) -> KeptHost {
    place(name, Whereabouts::At(addresses.iter().map(|n| ip(*n)).collect()))
}

fn apply(file: &mut Vec<u8>, write: &Write) {
    assert!(write.at <= file.len(), "a hole");
    let end = write.at + write.bytes.len();
    file.resize(file.len().max(end), 0);
    file[write.at..end].copy_from_slice(&write.bytes);
}

fn update(file: &mut Vec<u8>, places: &[KeptHost]) {
    for write in plan(file, places) {
        apply(file, &write);
    }
    assert_eq!(plan(file, places), [], "it says so already");
}

/// What libc finds: every name's addresses, in the order of the lines.
fn forward(file: &[u8]) -> BTreeMap<String, Vec<IpAddr>> {
    let mut found: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for (_, bytes) in line::lines(file) {
        for name in line::names(bytes) {
            let address = line::entry(bytes).map(|(address, _)| address);
            found.entry(name).or_default().extend(address);
        }
    }
    found
}

fn addresses(file: &[u8], name: &str) -> Vec<IpAddr> {
    forward(file).remove(name).unwrap_or_default()
}

#[test]
fn lines_have_one_width_and_lie_within_a_block() {
    let mut file = FOREIGN.as_bytes().to_vec();
    update(&mut file, &[at("a-0.gp.svc", &[1]), at("a-1.gp.svc", &[2])]);
    let own: Vec<(usize, &[u8])> = line::lines(&file).filter(|(_, l)| line::is_own(l)).collect();
    assert_eq!(own.len(), 2);
    assert!(own.iter().all(|(at, l)| at % 128 == 0 && l.len() == 128));
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(text.starts_with(FOREIGN) && text.contains("gp-agent keeps"), "{text}");
    assert_eq!(addresses(&file, "a-1"), [ip(2)]);
    assert_eq!(
        String::from_utf8(without_own(&file)).unwrap().matches("gp.svc").count(),
        1
    );
}

#[test]
fn long_names_have_wider_lines_and_the_narrow_ones_no_longer_count() {
    let mut file = Vec::new();
    update(&mut file, &[at("a-0.gp.svc", &[1])]);
    let long = format!("a-0.{}.svc", "x".repeat(60));
    update(&mut file, &[at("a-0.gp.svc", &[1]), at(&long, &[2])]);
    assert_eq!(addresses(&file, "a-0.gp.svc"), [ip(1)]);
    assert_eq!(addresses(&file, &long), [ip(2)]);
}

#[test]
fn a_name_that_nobody_spoke_of_yet_keeps_its_line_unless_another_has_its_address() {
    let mut file = FOREIGN.as_bytes().to_vec();
    update(
        &mut file,
        &[at("a.gp.svc", &[1]), at("b.gp.svc", &[2]), at("c.gp.svc", &[3])],
    );
    let unknown = |name| place(name, Whereabouts::Unknown);
    let later = [unknown("a.gp.svc"), unknown("b.gp.svc"), at("c.gp.svc", &[2])];
    update(&mut file, &later);
    assert_eq!(addresses(&file, "a.gp.svc"), [ip(1)]);
    assert!(addresses(&file, "b.gp.svc").is_empty());
    assert_eq!(addresses(&file, "c.gp.svc"), [ip(2)]);
    update(
        &mut file,
        &[place("a.gp.svc", Whereabouts::Nowhere), at("c.gp.svc", &[2])],
    );
    assert!(addresses(&file, "a.gp.svc").is_empty());
}

#[test]
fn nothing_is_kept_when_it_is_switched_off() {
    let mut file = FOREIGN.as_bytes().to_vec();
    update(&mut file, &[at("a.gp.svc", &[1])]);
    update(&mut file, &[]);
    assert_eq!(forward(&file), forward(FOREIGN.as_bytes()));
}

#[test]
fn what_a_full_disk_cut_off_harms_no_line() {
    let whole = [at("a.gp.svc", &[1]), at("b.gp.svc", &[2])];
    let mut file = FOREIGN.as_bytes().to_vec();
    let append = plan(&file, &whole).remove(0);
    for kept in 0..append.bytes.len() {
        let mut cut = file.clone();
        cut.extend(&append.bytes[..kept]);
        assert_eq!(forward(&cut), forward(FOREIGN.as_bytes()));
        update(&mut cut, &whole);
        assert_eq!(addresses(&cut, "b.gp.svc"), [ip(2)]);
    }
    update(&mut file, &whole);
}

#[test]
fn another_hand_that_moves_the_lines_costs_new_ones() {
    let places = [at("a.gp.svc", &[1]), at("b.gp.svc", &[2])];
    let mut file = FOREIGN.as_bytes().to_vec();
    update(&mut file, &places);
    let mut moved = b"10.0.7.7 somebody\n".to_vec();
    moved.extend(&file);
    update(&mut moved, &places);
    assert_eq!(addresses(&moved, "a.gp.svc"), [ip(1)]);
    assert_eq!(addresses(&moved, "somebody").len(), 1);
}

fn known(addresses: &[u8], since: u64) -> PeerView {
    let mut peer = PeerView::new(since);
    peer.answered(addresses.iter().map(|n| ip(*n)).collect(), since);
    peer
}

fn places_of(topology: &Topology, map: &PeerMap) -> BTreeMap<String, Whereabouts> {
    let me: &Member = topology.member("segment-a-0").unwrap();
    let own = Own {
        me,
        addresses: &[ip(100)],
    };
    let places = wanted(topology, own, map);
    assert_eq!(places[0].at, Whereabouts::At(vec![ip(100)]));
    places.into_iter().map(|p| (p.alias, p.at)).collect()
}

#[test]
fn what_discovery_knows_becomes_places() {
    let topology = topology(2);
    let mut failing = known(&[1, 2], 5);
    failing.failed("SERVFAIL".into(), 10);
    let mut gone = known(&[3], 5);
    gone.gone = true;
    let mut map = PeerMap::from([
        ("coordinator-0".to_string(), failing),
        ("coordinator-1".to_string(), gone),
        ("segment-a-1".to_string(), known(&[2], 11)),
        ("segment-b-1".to_string(), PeerView::new(5)),
    ]);
    let places = places_of(&topology, &map);
    assert_eq!(
        places["coordinator-0"],
        Whereabouts::At(vec![ip(1)]),
        "the other has got its address"
    );
    assert_eq!(places["coordinator-1"], Whereabouts::Nowhere);
    assert_eq!(places["segment-b-1"], Whereabouts::Unknown);
    // On one host they share it, and always did.
    map.insert("segment-a-1".to_string(), known(&[2], 5));
    let places = places_of(&topology, &map);
    assert_eq!(places["coordinator-0"], Whereabouts::At(vec![ip(1), ip(2)]));
}

fn whereabouts() -> impl Strategy<Value = Whereabouts> {
    let some = prop::collection::vec(1u8..12, 0..3);
    prop_oneof![
        5 => some.prop_map(|all| Whereabouts::At(all.into_iter().map(ip).collect())),
        1 => Just(Whereabouts::Unknown),
        1 => Just(Whereabouts::Nowhere),
    ]
}

fn states() -> impl Strategy<Value = Vec<Vec<KeptHost>>> {
    let names = ["a-0.gp.svc", "a-1.gp.svc", "b-0.gp.svc", "b-1.gp.svc", "me.gp.svc"];
    let state = prop::collection::vec(prop::option::weighted(0.9, whereabouts()), names.len());
    let places = move |all: Vec<Option<Whereabouts>>| -> Vec<KeptHost> {
        let known = names.iter().zip(all).filter_map(|(name, at)| Some((name, at?)));
        known.map(|(name, at)| place(name, at)).collect()
    };
    prop::collection::vec(state.prop_map(places), 1..8)
}

/// What a reader may find for a name while the file goes from one state to the next: each address is of either.
fn is_between(seen: &[IpAddr], before: &[IpAddr], after: &[IpAddr]) -> bool {
    let all = |list: &[IpAddr]| list.iter().copied().collect::<BTreeSet<_>>();
    if all(before) == all(after) {
        return all(seen) == all(before);
    }
    let both: Vec<_> = all(before).intersection(&all(after)).copied().collect();
    both.iter().all(|a| seen.contains(a)) && seen.iter().all(|a| before.contains(a) || after.contains(a))
}

proptest! {
    /// Between any two writes of any history a reader finds every name that does not change where it is, and of one that
    /// changes nothing that is neither old nor new; the file never gets shorter; no line of the agent is cut; what counts
    /// is never rewritten but for its first byte; the lines of others stay, byte for byte.
    #[test]
    fn no_reader_is_ever_told_wrong(
        foreign in "(127\\.0\\.0\\.1 localhost\n|# [a-z ]{0,200}\n|10\\.9\\.9\\.9 \tme\\.gp\\.svc me\n|\n){0,6}(# end)?",
        states in states(),
    ) {
        let mut file = foreign.as_bytes().to_vec();
        for places in states {
            let before = forward(&file);
            let mut after = file.clone();
            update(&mut after, &places);
            let after = forward(&after);
            for write in plan(&file, &places) {
                let old = file.clone();
                apply(&mut file, &write);
                prop_assert!(file.len() >= old.len());
                prop_assert!(file.starts_with(foreign.as_bytes()));
                let now = forward(&file);
                for name in before.keys().chain(after.keys()) {
                    let of = |map: &BTreeMap<String, Vec<IpAddr>>| map.get(name).cloned().unwrap_or_default();
                    prop_assert!(is_between(&of(&now), &of(&before), &of(&after)), "{}", name);
                }
                let replaced = &old[write.at.min(old.len())..old.len().min(write.at + write.bytes.len())];
                prop_assert!(replaced.len() <= 1 || line::is_aside(replaced), "{:?}", write);
                for (at, bytes) in line::lines(&file).filter(|(_, bytes)| line::is_own(bytes)) {
                    prop_assert_eq!(at % bytes.len(), 0);
                }
            }
            for p in &places {
                let here = addresses(&file, &p.name);
                let others = foreign.contains(p.name.as_str());
                match &p.at {
                    _ if others => {}
                    Whereabouts::At(all) => prop_assert_eq!(BTreeSet::from_iter(here), BTreeSet::from_iter(all.clone())),
                    Whereabouts::Nowhere => prop_assert!(here.is_empty()),
                    Whereabouts::Unknown => {}
                }
            }
        }
    }

    /// However often addresses change, the file has two lines for each that it ever had to have at once.
    #[test]
    fn the_file_does_not_grow(addresses in prop::collection::vec(1u8..200, 1..40)) {
        let mut file = Vec::new();
        for n in addresses {
            update(&mut file, &[at("a-0.gp.svc", &[n])]);
        }
        prop_assert!(line::lines(&file).filter(|(_, bytes)| line::is_own(bytes)).count() <= 2);
    }

    /// Whatever stands in the file: nothing of it is lost, and the plan comes to an end.
    #[test]
    fn any_file_will_do(bytes in prop::collection::vec(any::<u8>(), 0..600), n in 1u8..9) {
        let mut file = bytes.clone();
        update(&mut file, &[at("a-0.gp.svc", &[n])]);
        prop_assert!(file.starts_with(&bytes));
        prop_assert_eq!(addresses(&file, "a-0.gp.svc"), vec![ip(n)]);
    }
}
