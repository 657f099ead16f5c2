//! Places for clients, of which there are only so many: whose goes when a newcomer needs one.
//!
//! A newcomer always gets a place, since it may be a probe or a peer. Whoever holds most gives way first, and of what it
//! holds that which waits longest without a request: so an address that opens one connection after the other only ever
//! closes its own, and a crowd of addresses keeps nobody out for longer than a request takes to arrive.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// One place that is taken; later ones are greater.
pub type Place = u64;

/// Who holds a place. One for the whole /64 of an IPv6 address, of which a client usually has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder(IpAddr);

impl Holder {
    /// The client at this address.
    pub fn at(address: IpAddr) -> Holder {
        Holder(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// One place: whose it is, and since when it waits.
#[derive(Clone, Copy, Debug)]
struct Taken {
    client: Holder,
    /// Counts moves, not seconds. `None` while a request is being answered.
    idle_since: Option<u64>,
}

/// All places.
#[derive(Debug)]
pub struct Places {
    all: usize,
    share: usize,
    moves: u64,
    taken: BTreeMap<Place, Taken>,
}

impl Places {
    /// So many places in all, and at most `share` of them for one client. At least one each.
    pub fn new(all: usize, share: usize) -> Places {
        Places {
            all: all.max(1),
            share: share.max(1),
            moves: 0,
            taken: BTreeMap::new(),
        }
    }

    /// A place for a newcomer, and the one that has to go for it.
    pub fn enter(&mut self, client: Holder) -> (Place, Option<Place>) {
        let leaves = self.gives_way(client);
        if let Some(place) = leaves {
            self.taken.remove(&place);
        }
        let place = self.next_move();
        let idle_since = Some(place);
        self.taken.insert(place, Taken { client, idle_since });
        (place, leaves)
    }

    /// A request has come.
    pub fn begin(&mut self, place: Place) {
        if let Some(taken) = self.taken.get_mut(&place) {
            taken.idle_since = None;
        }
    }

    /// It is answered.
    pub fn end(&mut self, place: Place) {
        let now = self.next_move();
        if let Some(taken) = self.taken.get_mut(&place) {
            taken.idle_since = Some(now);
        }
    }

    /// The place is free.
    pub fn leave(&mut self, place: Place) {
        self.taken.remove(&place);
    }

    fn next_move(&mut self) -> u64 {
        self.moves += 1;
        self.moves
    }

    fn gives_way(&self, newcomer: Holder) -> Option<Place> {
        let mut held: BTreeMap<Holder, usize> = BTreeMap::new();
        for taken in self.taken.values() {
            *held.entry(taken.client).or_default() += 1;
        }
        if held.get(&newcomer).is_some_and(|n| *n >= self.share) {
            return self.waits_longest(|client| client == newcomer);
        }
        if self.taken.len() < self.all {
            return None;
        }
        let most = held.values().max().copied();
        self.waits_longest(|client| held.get(&client).copied() == most)
    }

    /// What waits longest of these clients' places; when none waits, the oldest.
    fn waits_longest(&self, of: impl Fn(Holder) -> bool) -> Option<Place> {
        let theirs = self.taken.iter().filter(|(_, taken)| of(taken.client));
        theirs
            .min_by_key(|(place, taken)| (taken.idle_since.is_none(), taken.idle_since, **place))
            .map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v4(last: u8) -> Holder {
        Holder::at(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn one_address_closes_only_its_own() {
        let mut places = Places::new(10, 3);
        let (kubelet, _) = places.enter(v4(1));
        let own: Vec<Place> = (0..3).map(|_| places.enter(v4(2)).0).collect();
        assert_eq!(places.enter(v4(2)).1, Some(own[0]));
        assert_eq!(places.enter(v4(2)).1, Some(own[1]));
        assert!(places.taken.contains_key(&kubelet));
    }

    #[test]
    fn what_is_being_answered_stays_while_another_waits() {
        let mut places = Places::new(10, 2);
        let (first, _) = places.enter(v4(1));
        let (second, _) = places.enter(v4(1));
        places.begin(first);
        assert_eq!(places.enter(v4(1)).1, Some(second));
        // Waiting counts from the last answer, not from the arrival.
        places.end(first);
        let (third, left) = places.enter(v4(1));
        assert_ne!(left, Some(first));
        places.begin(first);
        places.begin(third);
        assert_eq!(places.enter(v4(1)).1, Some(first), "all are busy: the oldest goes");
    }

    #[test]
    fn who_holds_most_gives_way_to_others() {
        let mut places = Places::new(4, 3);
        let (probe, _) = places.enter(v4(1));
        let greedy: Vec<Place> = (0..3).map(|_| places.enter(v4(2)).0).collect();
        assert_eq!(places.enter(v4(3)).1, Some(greedy[0]));
        assert_eq!(places.enter(v4(4)).1, Some(greedy[1]));
        assert!(places.taken.contains_key(&probe));
    }

    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_one_its_ipv4_address() {
        let at = |text: &str| Holder::at(text.parse().unwrap());
        assert_eq!(at("fd00::1"), at("fd00::ffff:1:2:3"));
        assert_ne!(at("fd00::1"), at("fd00:0:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter(u8),
        Begin(usize),
        End(usize),
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..6_u8).prop_map(Step::Enter),
            1 => (0..99_usize).prop_map(Step::Begin),
            1 => (0..99_usize).prop_map(Step::End),
            1 => (0..99_usize).prop_map(Step::Leave),
        ]
    }

    fn held(places: &Places, client: Holder) -> usize {
        places.taken.values().filter(|taken| taken.client == client).count()
    }

    proptest! {
        /// Whatever happens: never too many, every newcomer has a place, nobody loses one to somebody who holds more, and
        /// of whoever gives way nothing that is being answered while another of its places waits.
        #[test]
        fn shares_are_kept(all in 1..12_usize, share in 1..6_usize, steps in proptest::collection::vec(step(), 1..200)) {
            let mut places = Places::new(all, share);
            let mut entered: Vec<Place> = Vec::new();
            for step in steps {
                let nth = |n: usize| entered.get(n % entered.len().max(1)).copied().unwrap_or(0);
                match step {
                    Step::Begin(n) => places.begin(nth(n)),
                    Step::End(n) => places.end(nth(n)),
                    Step::Leave(n) => places.leave(nth(n)),
                    Step::Enter(who) => {
                        let before = places.taken.clone();
                        let had = held(&places, v4(who));
                        let (place, left) = places.enter(v4(who));
                        prop_assert!(places.taken.contains_key(&place));
                        if let Some(left) = left {
                            let loser = before[&left];
                            let of_loser = || before.values().filter(|taken| taken.client == loser.client);
                            prop_assert!(loser.client == v4(who) || of_loser().count() >= had);
                            prop_assert!(loser.idle_since.is_some() || of_loser().all(|taken| taken.idle_since.is_none()));
                        }
                        entered.push(place);
                    }
                }
                prop_assert!(places.taken.len() <= all);
                prop_assert!((0..6).all(|who| held(&places, v4(who)) <= share));
            }
        }
    }
}
