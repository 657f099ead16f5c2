//! Which line decides on a client: the first that matches (hba.c, check_hba).

use super::address::{Interface, full_mask, in_range};
use super::{Address, ConnType, HbaFile, Method, Rule, Token};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The unix socket.
    Local,
    /// TCP.
    Host {
        /// The client's address as the server sees it.
        address: IpAddr,
        /// Whether the connection is encrypted with TLS.
        ssl: bool,
        /// Whether it is encrypted with GSSAPI.
        gss: bool,
    },
}

/// What a client wants to talk to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    /// A database of that name (logical replication too).
    Named(String),
    /// The write-ahead log: walreceiver, pg_basebackup, pg_receivewal.
    PhysicalReplication,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where from.
    pub origin: Origin,
    /// What to.
    pub database: Database,
    /// The user name asked for.
    pub user: String,
    /// Every role that the user is a member of, directly or not, itself among them; empty when there is no such
    /// user. That a superuser may do everything makes it no member (is_member_of_role_nosuper).
    pub roles: BTreeSet<String>,
}

impl Client {
    /// A client whose user exists and is in no other role.
    pub fn new(origin: Origin, database: Database, user: &str) -> Client {
        Client {
            origin,
            database,
            user: user.to_string(),
            roles: BTreeSet::from([user.to_string()]),
        }
    }
}

/// What the server's C library and kernel say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    reverse: HashMap<IpAddr, String>,
    forward: HashMap<String, Vec<IpAddr>>,
    /// The server's own addresses, for samehost and samenet.
    pub interfaces: Vec<Interface>,
}

impl View {
    /// Notes the first name that getnameinfo gives for an address.
    pub fn set_reverse(&mut self, address: IpAddr, name: impl Into<String>) {
        self.reverse.insert(address, name.into());
    }

    /// Notes every address that getaddrinfo gives for a name, which is compared without regard to case.
    pub fn set_forward(&mut self, name: &str, addresses: Vec<IpAddr>) {
        self.forward.insert(name.to_ascii_lowercase(), addresses);
    }

    /// The name of an address.
    pub fn reverse(&self, address: IpAddr) -> Option<&str> {
        self.reverse.get(&address).map(String::as_str)
    }

    /// The addresses of a name; empty when it has none.
    pub fn forward(&self, name: &str) -> &[IpAddr] {
        let found = match self.forward.get(name) {
            None => self.forward.get(&name.to_ascii_lowercase()),
            found => found,
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// The address's name, when that name leads back to the address: the only name a line can match.
    pub fn verified_name(&self, address: IpAddr) -> Option<&str> {
        self.reverse(address)
            .filter(|name| self.forward(name).contains(&address))
    }
}

/// What the file says of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This line lets it in, if it satisfies the line's method.
    Admitted(&'a Rule),
    /// This line has the method `reject`.
    Rejected(&'a Rule),
    /// No line matches: refused with "no pg_hba.conf entry".
    NoMatch,
}

impl<'a> Verdict<'a> {
    fn of(rule: Option<&'a Rule>) -> Verdict<'a> {
        match rule {
            None => Verdict::NoMatch,
            Some(rule) if rule.method == Method::Reject => Verdict::Rejected(rule),
            Some(rule) => Verdict::Admitted(rule),
        }
    }
}

/// The verdict of the first line that matches. Lines with errors are passed over: see [`HbaFile::is_loadable`].
pub fn admit<'a>(file: &'a HbaFile, client: &Client, view: &View) -> Verdict<'a> {
    Verdict::of(file.rules.iter().find(|rule| matches(rule, client, view)))
}

/// Whether one line matches.
fn matches(rule: &Rule, client: &Client, view: &View) -> bool {
    kind_matches(rule.kind, client.origin)
        && address_matches(rule, client.origin, view)
        && rule.databases.iter().any(|t| database_matches(t, client))
        && rule.users.iter().any(|t| user_matches(t, client))
}

fn kind_matches(kind: ConnType, origin: Origin) -> bool {
    match (kind, origin) {
        (ConnType::Local, Origin::Local) => true,
        (ConnType::Local, _) | (_, Origin::Local) => false,
        (ConnType::Host, _) => true,
        (ConnType::HostSsl, Origin::Host { ssl, .. }) => ssl,
        (ConnType::HostNoSsl, Origin::Host { ssl, .. }) => !ssl,
        (ConnType::HostGssEnc, Origin::Host { gss, .. }) => gss,
        (ConnType::HostNoGssEnc, Origin::Host { gss, .. }) => !gss,
    }
}

fn address_matches(rule: &Rule, origin: Origin, view: &View) -> bool {
    let (Some(wanted), Origin::Host { address, .. }) = (&rule.address, origin) else {
        return true;
    };
    match wanted {
        Address::All => true,
        Address::SameHost => view.interfaces.iter().any(|i| i.address == address),
        Address::SameNet => view.interfaces.iter().any(|i| i.has_in_network(address)),
        Address::Net { address: net, mask } => in_range(address, *net, *mask),
        Address::Name(pattern) => view
            .verified_name(address)
            .is_some_and(|name| name_matches(pattern, name)),
    }
}

/// Whether a name is the pattern or, after a leading dot, ends in it; case does not count.
pub(super) fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    if pattern.first() == Some(&b'.') {
        name.len() >= pattern.len()
            && name[name.len() - pattern.len()..].eq_ignore_ascii_case(pattern)
    } else {
        name.eq_ignore_ascii_case(pattern)
    }
}

fn database_matches(token: &Token, client: &Client) -> bool {
    let Database::Named(name) = &client.database else {
        return token.is_keyword("replication");
    };
    match token.text.as_str() {
        _ if token.quoted => token.text == *name,
        "all" => true,
        "sameuser" => *name == client.user,
        "samerole" | "samegroup" => client.roles.contains(name),
        "replication" => false,
        text => text == name,
    }
}

fn user_matches(token: &Token, client: &Client) -> bool {
    if !token.quoted {
        if let Some(role) = token.text.strip_prefix('+') {
            return client.roles.contains(role);
        }
        if token.text == "all" {
            return true;
        }
    }
    token.text == client.user
}

/// A file made ready for many clients: lines with one address or one name are found by it, the others are tried
/// in turn. The verdicts are those of [`admit`].
pub struct Index<'a> {
    rules: &'a [Rule],
    by_address: HashMap<IpAddr, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    local: Vec<usize>,
    others: Vec<usize>,
}

impl<'a> Index<'a> {
    /// Sorts the lines of a file.
    pub fn new(file: &'a HbaFile) -> Index<'a> {
        Index::of(file, |_| true)
    }

    /// Sorts those lines of a file that are wanted.
    pub(super) fn of(file: &'a HbaFile, wanted: impl Fn(&Rule) -> bool) -> Index<'a> {
        let mut index = Index {
            rules: &file.rules,
            by_address: HashMap::new(),
            by_name: HashMap::new(),
            local: Vec::new(),
            others: Vec::new(),
        };
        for (position, rule) in file.rules.iter().enumerate().filter(|(_, r)| wanted(r)) {
            index.bucket(rule).push(position);
        }
        index
    }

    fn bucket(&mut self, rule: &Rule) -> &mut Vec<usize> {
        match &rule.address {
            None => &mut self.local,
            Some(Address::Net { address, mask }) if *mask == full_mask(*address) => {
                self.by_address.entry(*address).or_default()
            }
            Some(Address::Name(name)) if !name.starts_with('.') => {
                self.by_name.entry(name.to_ascii_lowercase()).or_default()
            }
            Some(_) => &mut self.others,
        }
    }

    /// The verdict of the first line that matches.
    pub fn admit(&self, client: &Client, view: &View) -> Verdict<'a> {
        let first = |positions: &[usize]| {
            let mut positions = positions.iter().copied();
            positions.find(|at| matches(&self.rules[*at], client, view))
        };
        let found = match client.origin {
            Origin::Local => first(&self.local),
            Origin::Host { address, .. } => {
                let exact = self.by_address.get(&address).and_then(|b| first(b));
                let named = view
                    .verified_name(address)
                    .and_then(|name| self.by_name.get(&name.to_ascii_lowercase()))
                    .and_then(|b| first(b));
                let best = exact.into_iter().chain(named).min();
                // Only the lines before the best one so far can still win.
                let before = self
                    .others
                    .partition_point(|at| best.is_none_or(|best| *at < best));
                first(&self.others[..before]).or(best)
            }
        };
        Verdict::of(found.map(|at| &self.rules[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
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
            Verdict::Admitted(rule) | Verdict::Rejected(rule) => Some(rule.line),
            Verdict::NoMatch => None,
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
        assert!(says(
            "host sameuser all all trust",
            &host("10.0.0.1", "ann", "ann")
        ));
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
        assert!(!says(
            "host all all .org trust",
            &host("10.0.0.3", "d", "u")
        ));
    }

    #[test]
    fn networks_and_families() {
        let a = host("10.0.0.1", "d", "u");
        assert!(says("host all all samenet trust", &a));
        assert!(!says("host all all samehost trust", &a));
        assert!(says(
            "host all all samehost trust",
            &host("10.0.0.7", "d", "u")
        ));
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
}
