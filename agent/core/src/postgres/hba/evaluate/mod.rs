//! Which line decides on a client: the first that matches (hba.c, check_hba).

use super::address::{Interface, in_range};
use super::model::{Address, ConnType, Method, Rule, Token};
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
    pub(crate) fn reverse(&self, address: IpAddr) -> Option<&str> {
        self.reverse.get(&address).map(String::as_str)
    }

    /// The addresses of a name; empty when it has none.
    pub(crate) fn forward(&self, name: &str) -> &[IpAddr] {
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
pub enum HbaVerdict<'a> {
    /// This line lets it in, if it satisfies the line's method.
    Admitted(&'a Rule),
    /// This line has the method `reject`.
    Rejected(&'a Rule),
    /// No line matches: refused with "no pg_hba.conf entry".
    NoMatch,
}

impl<'a> HbaVerdict<'a> {
    pub(super) fn of(rule: Option<&'a Rule>) -> HbaVerdict<'a> {
        match rule {
            None => HbaVerdict::NoMatch,
            Some(rule) if rule.method == Method::Reject => HbaVerdict::Rejected(rule),
            Some(rule) => HbaVerdict::Admitted(rule),
        }
    }
}

/// The verdict of the first line that matches. Lines with errors are passed over: see [`HbaFile`](super::HbaFile).
///
/// The [`Index`](super::Index) gives the same verdict faster; this is what it is compared with.
#[cfg(any(test, feature = "fixtures"))]
pub fn admit<'a>(file: &'a super::HbaFile, client: &Client, view: &View) -> HbaVerdict<'a> {
    HbaVerdict::of(file.rules.iter().find(|rule| matches(rule, client, view)))
}

/// Whether one line matches.
pub(super) fn matches(rule: &Rule, client: &Client, view: &View) -> bool {
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
        name.len() >= pattern.len() && name[name.len() - pattern.len()..].eq_ignore_ascii_case(pattern)
    } else {
        name.eq_ignore_ascii_case(pattern)
    }
}

/// Whom a regular expression takes is the server's to say: it is no name, and the line has a finding of its own.
fn database_matches(token: &Token, client: &Client) -> bool {
    if token.regex {
        return false;
    }
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
    if token.regex {
        return false;
    }
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

#[cfg(test)]
mod tests;
