//! Random pg_hba.conf files and clients, the same for the same seed.

use gp_agent_core::postgres::hba::{Client, Database, Origin};
use std::net::IpAddr;

/// splitmix64: small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Users, and the roles they are in besides their own; those of the last line do not exist.
pub(crate) const USERS: [(&str, &[&str]); 8] = [
    ("ann", &["team", "crew"]),
    ("bob", &[]),
    ("team", &["crew"]),
    ("all", &[]),
    ("Mixed", &["Big Team"]),
    ("boss", &[]),
    ("+team", &["all"]),
    ("ghost", &[]),
];

/// What creates them. `boss` may do everything and is a member of nothing.
pub(crate) const SETUP: &str = "create role crew; create role team login; create role \"Big Team\"; create role ann login; \
    create role bob login; create role \"all\" login; create role \"Mixed\" login; create role boss superuser login; \
    create role \"+team\" login; grant crew to team; grant team to ann; grant \"Big Team\" to \"Mixed\"; \
    grant \"all\" to \"+team\"";

/// Databases that are made; a database need not exist for pg_hba.conf to decide.
pub(crate) const DATABASES: [&str; 4] = ["db1", "\"all\"", "team", "\"a b\""];

const CLIENT_DATABASES: [&str; 14] = [
    "db1",
    "db1",
    "all",
    "team",
    "team",
    "crew",
    "a b",
    "a,b",
    "ann",
    "replication",
    "sameuser",
    "Mixed",
    "all ",
    "Big Team",
];

const KINDS: [&str; 12] = [
    "host",
    "host",
    "host",
    "host",
    "host",
    "\"host\"",
    "local",
    "local",
    "hostnossl",
    "hostssl",
    "hostgssenc",
    "hostnogssenc",
];

const DATABASE_WORDS: [&str; 25] = [
    "all",
    "all",
    "all",
    "replication",
    "replication",
    "sameuser",
    "samerole",
    "samerole",
    "samerole",
    "samegroup",
    "db1",
    "\"all\"",
    "\"replication\"",
    "\"sameuser\"",
    "team",
    "team",
    "ann",
    "\"a b\"",
    "a\" b\"",
    "\"a,b\"",
    "Mixed",
    "mixed",
    "\"\"",
    "ALL",
    "\"Big Team\"",
];

const USER_WORDS: [&str; 18] = [
    "all",
    "all",
    "all",
    "ann",
    "bob",
    "+team",
    "+crew",
    "\"+team\"",
    "+ann",
    "\"all\"",
    "+all",
    "Mixed",
    "+\"Big Team\"",
    "boss",
    "+boss",
    "+nosuch",
    "ghost",
    "\"\"",
];

const ADDRESSES: [&str; 44] = [
    "all",
    "all",
    "samehost",
    "samenet",
    "127.0.0.1/32",
    "127.0.0.0/8",
    "127.0.0.2/31",
    "127.0.0.4/30",
    "127.0.0.5 255.255.255.255",
    "127.9.9.3 255.0.0.1",
    "127.2/32",
    "0x7f.0.0.3/32",
    "0177.0.0.1/32",
    "0.0.0.0/0",
    "128.0.0.0/1",
    "::/0",
    "::1/128",
    "::1 ffff::",
    "::ffff:127.0.0.1/128",
    "::ffff:0:0/96",
    "127.0.0.1/+32",
    "two.example.test",
    "TWO.example.TEST",
    "two",
    "three.example.test",
    "liar.test",
    "Liar.Test",
    ".example.test",
    ".EXAMPLE.test",
    ".test",
    ".st",
    "example.test",
    "\"all\"",
    "\"samenet\"",
    "\"seven\"",
    "six.example.test",
    "localhost.test",
    "loop",
    "seven",
    ".0.0.6",
    "\"\"",
    "nosuch.test",
    "eight.three.example.test",
    ".",
];

const METHODS: [&str; 8] = [
    "trust",
    "trust",
    "reject",
    "password",
    "password",
    "scram-sha-256",
    "md5",
    "\"md5\"",
];

/// Lines that PostgreSQL refuses, and some that only look so.
const ODD_LINES: [&str; 52] = [
    "hosts all all all trust",
    "host",
    "host all",
    "host all all",
    "host all all all",
    "host all all 127.0.0.1",
    "host,local all all all trust",
    "host all all a.test,b.test trust",
    "host all all a.test/8 trust",
    "host all all 10.0.0.0/33 trust",
    "host all all ::/129 trust",
    "host all all 10.0.0.0/ trust",
    "host all all 10.0.0.0/8/8 trust",
    "host all all 10.0.0.0/-1 trust",
    "host all all 10.0.0.0 trust",
    "host all all 10.0.0.0 ffff:: trust",
    "host all all ::1 255.0.0.0 trust",
    "host all all all Trust",
    "host all all all trust,md5",
    "host all all all \"trust md5\"",
    "host all all all peer",
    "host all all all sspi",
    "host all all all bsd",
    "host all all all cert",
    "local all all gss",
    "local all all cert",
    "host all all all trust debug",
    "host all all all trust a=b",
    "host all all all trust map=m",
    "host all all all ident map=m",
    "host all all all ident map=m,map=n",
    "local all all peer map=m",
    "host all all all ident include_realm=1",
    "host all all all gss include_realm=1 krb_realm=X",
    "host all all all pam pamservice=x pam_use_hostname=1",
    "host all all all ldap ldapserver=x",
    "host all all all ldap ldapprefix=x",
    "host all all all ldap ldapprefix=x ldapbasedn=y",
    "host all all all ldap ldapbasedn=y ldapport=x",
    "host all all all radius",
    "host all all all radius radiusservers=127.0.0.1",
    "host all all all radius radiusservers=127.0.0.1 radiussecrets=x",
    "host all @nosuchfile all trust",
    "host all,@nosuchfile all all trust",
    "host \"@nosuchfile\" all all trust",
    "host all @ all trust",
    "include nosuchfile",
    "include_dir nosuchfile",
    "host all all \"\"/8 trust",
    "host all all 1.2.3.256/32 trust",
    "local all all 127.0.0.1/32 trust",
    "host all all 256/32 trust,",
];

fn words(random: &mut Random, from: &[&str]) -> String {
    let mut text = random.pick(from).to_string();
    while random.one_in(3) {
        text.push_str(random.pick(&[",", ", ", ",\t"]));
        text.push_str(random.pick(from));
    }
    text
}

fn rule(random: &mut Random) -> String {
    let kind = random.pick(&KINDS);
    let mut parts = vec![
        kind.to_string(),
        words(random, &DATABASE_WORDS),
        words(random, &USER_WORDS),
    ];
    if kind != "local" {
        parts.push(random.pick(&ADDRESSES).to_string());
    }
    parts.push(random.pick(&METHODS).to_string());
    let mut line = String::new();
    for part in parts {
        line.push_str(&part);
        line.push_str(random.pick(&[" ", " ", "\t", "  \t ", " , ", " \\\n", "\\\n ", " \\\r\n"]));
    }
    line
}

fn line(random: &mut Random, odd_in: usize) -> String {
    let mut line = match random.below(14) {
        0 => random
            .pick(&[
                "",
                " \t",
                "# comment",
                "# host all all all trust\\",
                ",",
                "#\"",
                "# \\\\",
            ])
            .to_string(),
        _ if odd_in > 0 && random.one_in(odd_in) => match random.below(10) {
            0 => format!("host {} all all trust", "x".repeat(10_238 + random.below(3))),
            _ => random.pick(&ODD_LINES).to_string(),
        },
        _ => rule(random),
    };
    line.push_str(random.pick(&["", "", "", " # why", "#", " \"", "\r"]));
    // A quote that stays open, or a comment that goes on, may make the line another one; a valid file has none.
    if odd_in == 0 {
        line = line.trim_end_matches('"').to_string();
        if line.ends_with('\\') {
            line.push_str(random.pick(&["\n# end", "\n"]));
        }
    }
    line.push_str(random.pick(&["\n", "\n", "\r\n"]));
    line
}

/// A file of up to `most` lines; with `odd_in`, about one line in so many is wrong.
pub(crate) fn file(random: &mut Random, most: usize, odd_in: usize) -> String {
    let count = 1 + random.below(most);
    (0..count).map(|_| line(random, odd_in)).collect()
}

/// A client on the unix socket, on a loopback address or on ::1.
pub(crate) fn client(random: &mut Random) -> Client {
    let origin = match random.below(11) {
        0 => Origin::Local,
        1 => host(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])),
        n => host(IpAddr::from([127, 0, 0, u8::try_from(n).unwrap() - 1])),
    };
    let database = match random.one_in(4) {
        true => Database::PhysicalReplication,
        false => Database::Named(random.pick(&CLIENT_DATABASES).to_string()),
    };
    let (user, roles) = USERS[random.below(USERS.len())];
    let mut client = Client::new(origin, database, user);
    client.roles.extend(roles.iter().map(ToString::to_string));
    if user == "ghost" {
        client.roles.clear();
    }
    client
}

fn host(address: IpAddr) -> Origin {
    Origin::Host {
        address,
        ssl: false,
        gss: false,
    }
}
