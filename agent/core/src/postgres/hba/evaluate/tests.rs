//! Verdicts of [`admit`], each also asked of [`Index`].

use super::*;
use crate::postgres::hba::{Index, parse};
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn host(address: &str, database: &str, user: &str) -> Client {
    let origin = Origin::Host {
        address: ip(address),
        ssl: false,
        gss: false,
    };
    let database = match database {
        "replication!" => Database::PhysicalReplication,
        name => Database::Named(name.to_string()),
    };
    Client::new(origin, database, user)
}

fn view() -> View {
    let mut view = View::default();
    view.set_reverse(ip("10.0.0.1"), "A.Example.org");
    view.set_forward("a.example.org", vec![ip("10.0.0.9"), ip("10.0.0.1")]);
    view.set_reverse(ip("10.0.0.2"), "liar.example.org");
    view.set_forward("liar.example.org", vec![ip("10.0.0.1")]);
    view.interfaces = vec![Interface {
        address: ip("10.0.0.7"),
        mask: ip("255.255.255.0"),
    }];
    view
}

fn line(text: &str, client: &Client) -> Option<u32> {
    let file = parse(text);
    assert_eq!(file.errors, []);
    let view = view();
    let verdict = admit(&file, client, &view);
    assert_eq!(verdict, Index::new(&file).admit(client, &view));
    match verdict {
        HbaVerdict::Admitted(rule) | HbaVerdict::Rejected(rule) => Some(rule.line),
        HbaVerdict::NoMatch => None,
    }
}

fn says(text: &str, client: &Client) -> bool {
    line(text, client).is_some()
}

#[test]
fn the_first_line_wins() {
    let text = "local all all trust\nhost x all all trust\nhost all all 10.0.0.1/32 reject\nhost all all all trust";
    assert_eq!(line(text, &host("10.0.0.1", "d", "u")), Some(3));
    assert_eq!(line(text, &host("10.0.0.2", "d", "u")), Some(4));
    assert_eq!(line(text, &host("10.0.0.1", "x", "u")), Some(2));
    let local = Client::new(Origin::Local, Database::Named("d".into()), "u");
    assert_eq!(line(text, &local), Some(1));
}

#[test]
fn replication_is_not_all_and_quotes_make_names() {
    let wal = host("10.0.0.1", "replication!", "u");
    assert!(!says("host all all all trust", &wal));
    assert!(!says("host \"replication\" all all trust", &wal));
    assert!(says("host all,replication all all trust", &wal));
    let named = host("10.0.0.1", "replication", "u");
    assert!(!says("host replication all all trust", &named));
    assert!(says("host \"replication\" all all trust", &named));
    assert!(!says("host \"all\" all all trust", &named));
    assert!(!says("host all \"all\" all trust", &named));
}

#[test]
fn roles() {
    let mut client = host("10.0.0.1", "team", "ann");
    assert!(says("host all +ann all trust", &client));
    assert!(!says("host all +team all trust", &client));
    assert!(!says("host samerole all all trust", &client));
    client.roles.insert("team".into());
    assert!(says("host all +team all trust", &client));
    assert!(!says("host all \"+team\" all trust", &client));
    assert!(says("host samegroup all all trust", &client));
    assert!(!says("host sameuser all all trust", &client));
    assert!(says("host sameuser all all trust", &host("10.0.0.1", "ann", "ann")));
}

#[test]
fn names_have_to_lead_back() {
    let a = host("10.0.0.1", "d", "u");
    assert!(says("host all all a.EXAMPLE.org trust", &a));
    assert!(says("host all all .example.ORG trust", &a));
    assert!(!says("host all all example.org trust", &a));
    let liar = host("10.0.0.2", "d", "u");
    assert!(!says("host all all liar.example.org trust", &liar));
    assert!(!says("host all all .org trust", &liar));
    assert!(!says("host all all .org trust", &host("10.0.0.3", "d", "u")));
}

#[test]
fn networks_and_families() {
    let a = host("10.0.0.1", "d", "u");
    assert!(says("host all all samenet trust", &a));
    assert!(!says("host all all samehost trust", &a));
    assert!(says("host all all samehost trust", &host("10.0.0.7", "d", "u")));
    assert!(says("host all all 10.9.9.1 255.0.0.255 trust", &a));
    let mapped = host("::ffff:10.0.0.1", "d", "u");
    assert!(!says("host all all 10.0.0.1/32 trust", &mapped));
    assert!(!says("host all all 0.0.0.0/0 trust", &mapped));
    assert!(says("host all all ::ffff:10.0.0.0/120 trust", &mapped));
}

#[test]
fn encryption() {
    let mut client = host("10.0.0.1", "d", "u");
    for (ssl, gss, kinds) in [
        (false, false, ["host", "hostnossl", "hostnogssenc"]),
        (true, false, ["host", "hostssl", "hostnogssenc"]),
        (false, true, ["host", "hostnossl", "hostgssenc"]),
    ] {
        client.origin = Origin::Host {
            address: ip("10.0.0.1"),
            ssl,
            gss,
        };
        for kind in ["host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"] {
            let admitted = says(&format!("{kind} all all all trust"), &client);
            assert_eq!(admitted, kinds.contains(&kind), "{kind} {ssl} {gss}");
        }
    }
}

proptest! {
    #[test]
    fn the_index_says_what_the_file_says(
        lines in proptest::collection::vec(
            ("host|local|hostssl", "all|d|replication", "all|u",
             "10\\.0\\.0\\.[1-3]/(32|24)|a\\.example\\.org|liar\\.example\\.org|\\.org|all|samenet", "trust|reject"),
            0..12),
        last in 1u8..5,
        database in "d|e|replication!",
    ) {
        let text: String = lines.iter().map(|(kind, db, user, address, method)| {
            let address = if kind == "local" { "" } else { address };
            format!("{kind} {db} {user} {address} {method}\n")
        }).collect();
        line(&text, &host(&format!("10.0.0.{last}"), &database, "u"));
    }
}
