use super::*;
use proptest::prelude::*;

const FQDN: &str = "segment-a-0.agent.prod.svc.cluster.local";

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

fn reverse(list: &[(&str, Reverse)]) -> BTreeMap<IpAddr, Reverse> {
    list.iter().map(|(a, r)| (ip(a), r.clone())).collect()
}

fn named(names: &[&str]) -> Reverse {
    Reverse::Names(names.iter().map(ToString::to_string).collect())
}

fn one(r: Reverse, forward: Forward) -> Check {
    judge(FQDN, &[ip("10.1.2.3")], &reverse(&[("10.1.2.3", r)]), &forward)
}

fn at(list: &[&str]) -> Forward {
    Forward::Addresses(list.iter().map(|a| ip(a)).collect())
}

fn reason(check: Check) -> (String, bool) {
    match check {
        Check::Bad { reason, another_name } => (reason, another_name),
        Check::Good(name) => panic!("{name} was good"),
    }
}

#[test]
fn agrees_without_regard_to_case_and_final_dot() {
    let seen = named(&["SEGMENT-a-0.Agent.prod.svc.cluster.local.", "segment-a-0"]);
    assert_eq!(
        one(seen, at(&["10.9.9.9", "::ffff:10.1.2.3"])),
        Check::Good(FQDN.into())
    );
}

#[test]
fn says_what_is_wrong() {
    let other = "10-1-2-3.clients.prod.svc.cluster.local";
    let cases = [
        (
            one(named(&[other]), at(&["10.1.2.3"])),
            "reverse of 10.1.2.3 is 10-1-2-3.clients.prod.svc.cluster.local (another service's PTR)",
            true,
        ),
        (
            one(named(&[FQDN, other]), at(&["10.1.2.3"])),
            "10.1.2.3 has a second reverse name, 10-1-2-3.clients.prod.svc.cluster.local, and the order is left to chance",
            true,
        ),
        (one(Reverse::Missing, at(&[])), "no reverse name for 10.1.2.3", false),
        (
            one(Reverse::TimedOut, at(&[])),
            "reverse lookup of 10.1.2.3 timed out",
            false,
        ),
        (
            one(Reverse::Failed("no getent".into()), at(&[])),
            "reverse lookup of 10.1.2.3 failed: no getent",
            false,
        ),
        (
            one(named(&[FQDN]), at(&["10.1.2.4"])),
            "forward of segment-a-0.agent.prod.svc.cluster.local does not contain 10.1.2.3",
            false,
        ),
        (
            one(named(&[FQDN]), Forward::TimedOut),
            "forward lookup of segment-a-0.agent.prod.svc.cluster.local timed out",
            false,
        ),
    ];
    for (check, words, another_name) in cases {
        assert_eq!(reason(check), (words.to_string(), another_name));
    }
}

#[test]
fn every_address_counts() {
    let both = [ip("10.1.2.3"), ip("fd00::3")];
    let answers = reverse(&[("10.1.2.3", named(&[FQDN])), ("fd00::3", named(&["x.y.z"]))]);
    let check = judge(FQDN, &both, &answers, &at(&["10.1.2.3", "fd00::3"]));
    assert_eq!(reason(check).0, "reverse of fd00::3 is x.y.z (another service's PTR)");
    assert_eq!(reason(judge(FQDN, &[], &answers, &at(&[]))).0, "it has no address");
}

#[test]
fn a_flapping_name_is_lost_at_once_and_won_back_slowly() {
    let good = || Check::Good(FQDN.into());
    let mut damped = Damped::default();
    assert_eq!(damped.verdict(), &NameVerdict::Unchecked);
    assert_eq!(damped.observe(good()), &NameVerdict::Verified(FQDN.into()));
    damped.observe(bad("no reverse name for 10.1.2.3".into()));
    for _ in 1..GOOD_AFTER_NOTHING {
        let expected =
            "no reverse name for 10.1.2.3 a short while ago; it has to be right 5 times in a row".to_string();
        assert_eq!(
            damped.observe(good()),
            &NameVerdict::Unverified {
                reason: expected,
                another_name: false
            }
        );
        assert!(damped.is_recovering());
    }
    assert_eq!(damped.observe(good()), &NameVerdict::Verified(FQDN.into()));
    assert!(!damped.is_recovering());
}

proptest! {
    /// Verified means: good now, and never bad, or good as often in a row as the worst failure since it was last
    /// verified asks for.
    #[test]
    fn damping_holds(checks in proptest::collection::vec(prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2)], 0..200)) {
        let mut damped = Damped::default();
        let mut worst = 0;
        let mut row = 0;
        for check in checks {
            let before = damped.verdict().clone();
            let now = damped.observe(match check {
                0 => Check::Good(FQDN.into()),
                n => Check::Bad { reason: "r".into(), another_name: n == 2 },
            }).clone();
            if check == 0 {
                row += 1;
                prop_assert_eq!(matches!(now, NameVerdict::Verified(_)), row >= worst);
                if row >= worst { worst = 0 }
            } else {
                row = 0;
                worst = worst.max(if check == 2 { GOOD_AFTER_ANOTHER_NAME } else { GOOD_AFTER_NOTHING });
                let lost = matches!(now, NameVerdict::Unverified { .. });
                prop_assert!(lost);
            }
            if matches!(before, NameVerdict::Verified(_)) && check == 0 {
                prop_assert_eq!(before, now);
            }
        }
    }

    /// A verified name is one that PostgreSQL would admit: first reverse name and forward address agree.
    #[test]
    fn good_means_postgres_admits(
        first in 0usize..3, others in proptest::collection::vec(0usize..3, 0..3), forward in proptest::collection::vec(0u8..4, 0..4)
    ) {
        let pool = [FQDN, "other.example.com", "segment-a-0"];
        let names: Vec<String> = std::iter::once(first).chain(others).map(|i| pool[i].to_string()).collect();
        let listed: Vec<IpAddr> = forward.iter().map(|n| IpAddr::from([10, 1, 2, *n])).collect();
        let check = judge(FQDN, &[ip("10.1.2.3")], &reverse(&[("10.1.2.3", Reverse::Names(names.clone()))]), &Forward::Addresses(listed.clone()));
        if let Check::Good(name) = check {
            prop_assert_eq!(&name, FQDN);
            prop_assert_eq!(&names[0], FQDN);
            prop_assert!(listed.contains(&ip("10.1.2.3")));
            prop_assert!(!names.iter().any(|n| n == pool[1]));
        }
    }
}
