//! The evaluator of pg_hba.conf beside a real PostgreSQL: generated files, generated clients, two answers.
//!
//! `HBA_SEED` chooses other files than the usual ones.

// Clippy's leave for tests does not reach the helpers of an integration test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod generate;
mod server;

use generate::Random;
use gp_agent::internals::discovery::HostsFile;
use gp_agent_core::cluster::topology::{Member, Role, Topology};
use gp_agent_core::config::Auth;
use gp_agent_core::discovery::kept_hosts::{KeptHost, Whereabouts};
use gp_agent_core::postgres::hba::{
    Address, BlockRequest, Client, ConnType, Database, Grammar, HbaFile, HbaPeer, HbaVerdict, Index, Interface, Origin,
    PeerAddress, Rule, View, admit, parse, render_block, splice,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use server::{OWNER_LINE, Server};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

const FILES: usize = 130;
const CLIENTS: usize = 20;
const WRONG_FILES: usize = 150;

fn seed() -> u64 {
    let given = std::env::var("HBA_SEED").ok();
    let seed = given.map_or(0x5eed, |text| text.parse().expect("HBA_SEED is a number"));
    println!("HBA_SEED={seed}");
    seed
}

#[test]
fn the_server_decides_as_the_evaluator_says() {
    let mut random = Random::new(seed());
    let server = Server::start();
    server.sql(generate::SETUP);
    for database in generate::DATABASES {
        server.sql(&format!("create database {database}"));
    }
    let view = view(&server);
    let mut mismatches = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..FILES {
        let text = OWNER_LINE.to_string() + &generate::file(&mut random, 14, 0);
        let file = parse(&text);
        assert_eq!(file.errors, [], "in\n{text}");
        server.write_hba(&text);
        compare_rules(&server, &text, &file);
        server.reload();
        let index = Index::new(&file);
        for _ in 0..CLIENTS {
            let client = generate::client(&mut random);
            let verdict = admit(&file, &client, &view);
            assert_eq!(index.admit(&client, &view), verdict);
            let ours = expected(verdict);
            let theirs = answer(&server, &client);
            seen.insert(theirs.clone());
            if ours != theirs {
                mismatches.push(format!(
                    "{text}\n{client:?}\nevaluator: {ours} ({verdict:?})\nserver: {theirs}\n"
                ));
            }
        }
    }
    let cases = FILES * CLIENTS;
    println!("{cases} cases; the server's answers: {seen:?}");
    assert!(
        mismatches.is_empty(),
        "{} of {cases} differ, the first ones:\n{}",
        mismatches.len(),
        mismatches.iter().take(3).cloned().collect::<String>()
    );
    assert_eq!(seen.len(), 6, "every kind of answer should occur: {seen:?}");
}

#[test]
fn the_server_refuses_the_lines_that_the_parser_refuses() {
    let mut random = Random::new(seed() + 1);
    let server = Server::start();
    let mut wrong = 0;
    for _ in 0..WRONG_FILES {
        let text = OWNER_LINE.to_string() + &generate::file(&mut random, 12, 2);
        let file = parse(&text);
        server.write_hba(&text);
        compare_rules(&server, &text, &file);
        wrong += file.errors.len();
    }
    println!("{wrong} wrong lines");
    assert!(wrong > WRONG_FILES);
}

#[test]
fn the_server_reads_the_rendered_block() {
    let server = Server::start();
    let member = |pod: &str, role| Member {
        pod: pod.to_string(),
        fqdn: format!("{pod}.db.test"),
        role,
        content: gp_agent_core::cluster::content::ContentId::COORDINATOR,
        port: 5432,
        data_dir: "/greenplum/gpseg-1".into(),
    };
    let topology = Topology {
        cluster: "test".into(),
        domain: "db.test".into(),
        members: vec![member("c-0", Role::Coordinator), member("c-1", Role::Standby)],
    };
    let peers = [
        ("c-0", PeerAddress::Name("c-0.db.test".into())),
        (
            "c-1",
            PeerAddress::Addresses(vec!["fd00::1".parse().unwrap(), "10.0.0.1".parse().unwrap()]),
        ),
    ]
    .map(|(pod, address)| HbaPeer {
        pod: pod.into(),
        address,
    });
    for user in [
        "gpadmin", "all", "+x", "a b", "a\"b", "a\\", "@a", "a,b", "#a", "Gp-Admin",
    ] {
        let block = render_block(&BlockRequest {
            topology: &topology,
            me: &topology.members[0],
            user,
            auth: Auth::ScramSha256,
            peers: &peers,
            extra: &["host all all 10.0.0.0/8 scram-sha-256".to_string()],
            grammar: Grammar::default(),
        });
        let text = String::from_utf8(splice(OWNER_LINE.as_bytes(), &block.text)).unwrap();
        let file = parse(&text);
        assert_eq!((file.errors.len(), file.rules.len()), (0, 10), "{text}");
        assert!(file.rules[..8].iter().all(|rule| rule.users[0].text == user), "{text}");
        server.write_hba(&text);
        compare_rules(&server, &text, &file);
    }
}

/// What the agent writes into the server's /etc/hosts is what PostgreSQL admits by, and a name follows its pod.
#[test]
fn the_server_admits_by_the_names_that_the_agent_keeps() {
    let server = Server::start();
    server.write_hba(&(OWNER_LINE.to_string() + "host all all a-0.db.test trust\nhost all all a-1.db.test md5\n"));
    server.reload();
    let asked = |n: u8| {
        let origin = Origin::Host {
            address: IpAddr::from([127, 0, 0, n]),
            ssl: false,
            gss: false,
        };
        let client = Client::new(origin, Database::Named("postgres".into()), "owner");
        answer(&server, &client)
    };
    let place = |name: &str, n: u8| KeptHost {
        name: name.into(),
        alias: "pod".into(),
        at: Whereabouts::At(vec![IpAddr::from([127, 0, 0, n])]),
    };
    let hosts = HostsFile::at(server.hosts());
    assert_eq!(asked(20), "no entry");
    hosts
        .update(&[place("a-0.db.test", 20), place("a-1.db.test", 21)])
        .unwrap();
    assert_eq!((asked(20).as_str(), asked(21).as_str()), ("trust", "md5"));
    // The pods change places, as they may when all of them get new addresses.
    hosts
        .update(&[place("a-0.db.test", 21), place("a-1.db.test", 20)])
        .unwrap();
    assert_eq!((asked(20).as_str(), asked(21).as_str()), ("md5", "trust"));
    hosts.update(&[place("a-1.db.test", 22)]).unwrap();
    assert_eq!((asked(21).as_str(), asked(22).as_str()), ("no entry", "md5"));
}

/// What the server's C library says of every address that a client may have.
fn view(server: &Server) -> View {
    let mut view = View::default();
    let mut verified = 0;
    let loopback = (1..=9).map(|n| IpAddr::from([127, 0, 0, n]));
    for address in loopback.chain(["::1".parse().unwrap()]) {
        if let Some(name) = server.name_of(address) {
            view.set_forward(&name, server.addresses_of(&name));
            view.set_reverse(address, name);
        }
        verified += usize::from(view.verified_name(address).is_some());
    }
    assert_eq!(verified, 6, "of the test's own names: {view:?}");
    view.interfaces = [
        ("127.0.0.1", "255.0.0.0"),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ]
    .map(|(address, mask)| Interface {
        address: address.parse().unwrap(),
        mask: mask.parse().unwrap(),
    })
    .to_vec();
    view
}

/// Compares the parsed file with `pg_hba_file_rules`, line by line.
fn compare_rules(server: &Server, text: &str, file: &HbaFile) {
    let rows = server.sql(
        "select line_number, type, array_to_json(database), array_to_json(user_name), address, netmask, auth_method, \
         error from pg_hba_file_rules order by 1",
    );
    // Lines that are valid but cannot match without TLS carry a remark in that column.
    let refused = |row: &Vec<Option<String>>| row[7].as_ref().is_some_and(|error| !error.contains("SSL is disabled"));
    let theirs: Vec<_> = rows
        .iter()
        .filter(|row| refused(row))
        .map(|row| row[0].clone().unwrap())
        .collect();
    let ours: Vec<_> = file.errors.iter().map(|error| error.line.to_string()).collect();
    assert_eq!(
        ours, theirs,
        "refused lines of\n{text}\nevaluator: {:?}\nserver: {rows:?}",
        file.errors
    );
    let valid: Vec<_> = rows.iter().filter(|row| !refused(row)).collect();
    assert_eq!(file.rules.len(), valid.len(), "{text}");
    for (rule, row) in file.rules.iter().zip(valid) {
        assert_eq!(&columns(rule)[..], &row[..7], "line {} of\n{text}", rule.line);
    }
}

fn columns(rule: &Rule) -> Vec<Option<String>> {
    let json = |tokens: &[gp_agent_core::postgres::hba::Token]| {
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        Some(serde_json::to_string(&words).unwrap())
    };
    let (address, mask) = match &rule.address {
        None => (None, None),
        Some(Address::All) => (Some("all".to_string()), None),
        Some(Address::SameHost) => (Some("samehost".to_string()), None),
        Some(Address::SameNet) => (Some("samenet".to_string()), None),
        Some(Address::Name(name)) => (Some(name.clone()), None),
        Some(Address::Net { address, mask }) => (Some(address.to_string()), Some(mask.to_string())),
    };
    let kind = match rule.kind {
        ConnType::Local => "local",
        ConnType::Host => "host",
        ConnType::HostSsl => "hostssl",
        ConnType::HostNoSsl => "hostnossl",
        ConnType::HostGssEnc => "hostgssenc",
        ConnType::HostNoGssEnc => "hostnogssenc",
    };
    vec![
        Some(rule.line.to_string()),
        Some(kind.to_string()),
        json(&rule.databases),
        json(&rule.users),
        address,
        mask,
        Some(rule.method.as_str().to_string()),
    ]
}

fn expected(verdict: HbaVerdict<'_>) -> String {
    match verdict {
        HbaVerdict::Admitted(rule) => rule.method.as_str().to_string(),
        HbaVerdict::Rejected(_) => "reject".to_string(),
        HbaVerdict::NoMatch => "no entry".to_string(),
    }
}

/// The method of the line that the server chose, told by its first message.
fn answer(server: &Server, client: &Client) -> String {
    match client.origin {
        Origin::Local => first_message(server.socket(), client),
        Origin::Host { address, .. } => first_message(connect_from(address, server.port), client),
    }
}

/// A connection to the server whose source address is `address`.
fn connect_from(address: IpAddr, port: u16) -> TcpStream {
    let (family, target) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, IpAddr::from([127, 0, 0, 1])),
        IpAddr::V6(_) => (AddressFamily::INET6, address),
    };
    let stream = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&stream, &SocketAddr::new(address, 0)).unwrap_or_else(|error| panic!("bind to {address}: {error}"));
    connect(&stream, &SocketAddr::new(target, port)).unwrap_or_else(|error| panic!("connect to {target}: {error}"));
    TcpStream::from(stream)
}

fn first_message(mut stream: impl Read + Write, client: &Client) -> String {
    let mut parameters = vec![("user", client.user.as_str())];
    match &client.database {
        Database::Named(name) => parameters.push(("database", name)),
        Database::PhysicalReplication => parameters.push(("replication", "true")),
    }
    let mut packet = 196_608u32.to_be_bytes().to_vec();
    for (name, value) in parameters {
        packet.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    packet.push(0);
    stream
        .write_all(&(u32::try_from(packet.len()).unwrap() + 4).to_be_bytes())
        .unwrap();
    stream.write_all(&packet).unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    match (head[0], body.get(..4)) {
        (b'R', Some([0, 0, 0, 0])) => "trust".to_string(),
        (b'R', Some([0, 0, 0, 3])) => "password".to_string(),
        (b'R', Some([0, 0, 0, 5])) => "md5".to_string(),
        (b'R', Some([0, 0, 0, 10])) => "scram-sha-256".to_string(),
        _ => {
            let words = String::from_utf8_lossy(&body).replace('\0', " ");
            match () {
                () if words.contains("no pg_hba.conf entry") => "no entry".to_string(),
                () if words.contains("pg_hba.conf rejects") => "reject".to_string(),
                () => words,
            }
        }
    }
}
