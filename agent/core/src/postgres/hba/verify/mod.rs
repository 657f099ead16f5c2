//! Proof that a pg_hba.conf admits what the topology needs, and not by luck.

use super::breadth::{Width, width};
use super::evaluate::name_matches;
use super::evaluate::{Client, Database, HbaVerdict, Origin, View};
use super::index::Index;
use super::model::{Address, ErrorKind, HbaFile, Method, Rule};
use super::required_connections::{Connection, Via};
use crate::finding::{Area, Finding};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most pods that one finding lists.
const LISTED: usize = 3;

/// What is known of the pods, as this server sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedView {
    /// Each pod's addresses, by its short name. A pod without any is passed over: discovery reports it.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// The server's C library and interfaces.
    pub view: View,
}

/// Everything that is wrong with `file` for `needs`: lines that PostgreSQL refuses or that cannot be judged,
/// connections that are refused, admitted only by a line that is too wide, or asked for what pods cannot give.
///
/// Time grows with lines plus needs, not with their product.
pub fn prove(file: &HbaFile, needs: &[Connection], resolved: &ResolvedView) -> Vec<Finding> {
    let mut proof = Proof::new(file, resolved);
    proof.judge_lines(file);
    for need in needs {
        for origin in origins(need, resolved) {
            proof.judge(need, origin);
        }
    }
    proof.findings.extend(wide_findings(&proof.wide));
    proof.findings
}

fn origins(need: &Connection, resolved: &ResolvedView) -> Vec<Origin> {
    let own = &resolved.view.interfaces;
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let addresses: Vec<IpAddr> = match need.via {
        Via::Socket => return vec![Origin::Local],
        Via::Loopback => loopback
            .into_iter()
            .filter(|address| own.is_empty() || own.iter().any(|i| i.address == *address))
            .collect(),
        Via::Network => resolved.addresses.get(&need.from).cloned().unwrap_or_default(),
    };
    let host = |address| Origin::Host {
        address,
        ssl: false,
        gss: false,
    };
    addresses.into_iter().map(host).collect()
}

struct Proof<'a> {
    all: Index<'a>,
    narrow: Index<'a>,
    names: HashMap<String, &'a Rule>,
    suffixes: Vec<&'a Rule>,
    view: &'a View,
    findings: Vec<Finding>,
    /// By line: the rule, why it is too wide, and whom it alone lets in.
    wide: BTreeMap<u32, (&'a Rule, &'static str, Vec<String>)>,
}

impl<'a> Proof<'a> {
    fn new(file: &'a HbaFile, resolved: &'a ResolvedView) -> Proof<'a> {
        let mut names = HashMap::new();
        let mut suffixes = Vec::new();
        for rule in &file.rules {
            match &rule.address {
                Some(Address::Name(name)) if name.starts_with('.') => suffixes.push(rule),
                Some(Address::Name(name)) => {
                    names.entry(name.to_ascii_lowercase()).or_insert(rule);
                }
                _ => {}
            }
        }
        Proof {
            all: Index::new(file),
            narrow: Index::of(file, |rule| !matches!(width(rule), Width::Wide(_))),
            names,
            suffixes,
            view: &resolved.view,
            findings: Vec::new(),
            wide: BTreeMap::new(),
        }
    }

    fn judge_lines(&mut self, file: &HbaFile) {
        for error in &file.errors {
            let (what, remedy) = match error.kind {
                ErrorKind::Syntax => (
                    format!(
                        "PostgreSQL refuses the file, and keeps the rules it loaded before: {}",
                        error.what
                    ),
                    "correct or remove the line, then reload",
                ),
                ErrorKind::Inclusion => (
                    format!("whom it admits cannot be proved: {}", error.what),
                    "write the included lines or names into pg_hba.conf itself",
                ),
            };
            self.findings
                .push(Finding::error(Area::Hba, subject(error.line), what, remedy));
        }
        if file.rules.is_empty() && file.errors.is_empty() {
            self.findings.push(Finding::error(
                Area::Hba,
                "pg_hba.conf",
                "it holds no rule; PostgreSQL does not load such a file",
                "let gp-agent write its block, or restore the file",
            ));
        }
        for rule in &file.rules {
            let mut words = rule.databases.iter().chain(&rule.users);
            let Some(word) = words.find(|word| word.text.starts_with('/')) else {
                continue;
            };
            let what = match word.regex {
                true => {
                    "a word that starts with \"/\" is a regular expression: whom the line admits or rejects cannot be proved"
                }
                false => "a word that starts with \"/\" is a name before PostgreSQL 16, and a regular expression since",
            };
            let remedy = "write the names themselves";
            self.findings
                .push(Finding::warning(Area::Hba, subject(rule.line), what, remedy));
        }
    }

    fn judge(&mut self, need: &Connection, origin: Origin) {
        let client = Client::new(origin, need.database.clone(), &need.user);
        let who = describe(need, origin);
        match self.all.admit(&client, self.view) {
            HbaVerdict::NoMatch => self.refused(need, origin, format!("no line admits {who}")),
            HbaVerdict::Rejected(rule) => {
                let what = format!("line {} (\"{}\") rejects {who}", rule.line, rule.text);
                self.refused(need, origin, what);
            }
            HbaVerdict::Admitted(rule) => {
                if !can_satisfy(rule, origin) {
                    self.findings.push(Finding::warning(
                        Area::Hba,
                        subject(rule.line),
                        format!(
                            "{who} is asked for \"{}\", which no pod can answer",
                            rule.method.as_str()
                        ),
                        "put gp-agent's block above this line, or change the line's method",
                    ));
                }
                let alone = || !matches!(self.narrow.admit(&client, self.view), HbaVerdict::Admitted(_));
                if let Width::Wide(why) = width(rule)
                    && alone()
                {
                    let who = who + &self.unverified(need, origin).unwrap_or_default();
                    let entry = self.wide.entry(rule.line).or_insert((rule, why, Vec::new()));
                    entry.2.push(who);
                }
            }
        }
    }

    fn refused(&mut self, need: &Connection, origin: Origin, what: String) {
        let unverified = self.unverified(need, origin);
        let remedy = match (&unverified, origin) {
            (_, Origin::Local) => format!(
                "let gp-agent write its block, or add at the top: local all {} peer",
                need.user
            ),
            (Some(_), Origin::Host { address, .. }) => format!(
                "make this pod's name lookup of {address} lead to {} and back, or write the address in place of the name",
                need.fqdn
            ),
            (None, Origin::Host { address, .. }) => format!(
                "let gp-agent write its block (it does once the pod's address is known), or add at the top: host {} {} {address}/{} and hba.auth's method",
                match need.database {
                    Database::PhysicalReplication => "replication",
                    Database::Named(_) => "all",
                },
                need.user,
                if address.is_ipv4() { 32 } else { 128 },
            ),
        };
        let what = what + &unverified.unwrap_or_default();
        self.findings
            .push(Finding::error(Area::Hba, "pg_hba.conf", what, remedy));
    }

    /// The line that was meant for this pod, and why its name does not work.
    fn unverified(&self, need: &Connection, origin: Origin) -> Option<String> {
        let Origin::Host { address, .. } = origin else {
            return None;
        };
        if need.via == Via::Loopback
            || self
                .view
                .verified_name(address)
                .is_some_and(|name| name.eq_ignore_ascii_case(&need.fqdn))
        {
            return None;
        }
        let suffix = |rule: &&&Rule| matches!(&rule.address, Some(Address::Name(n)) if name_matches(n, &need.fqdn));
        let rule = self
            .names
            .get(&need.fqdn.to_ascii_lowercase())
            .or_else(|| self.suffixes.iter().find(suffix))?;
        let seen = match self.view.reverse(address) {
            None => format!("{address} has no name here"),
            Some(name) if name.eq_ignore_ascii_case(&need.fqdn) => {
                format!("that name does not lead to {address} here")
            }
            Some(name) => format!("{address} is called {name} here"),
        };
        Some(format!(", because line {} names {} and {seen}", rule.line, need.fqdn))
    }
}

fn wide_findings(wide: &BTreeMap<u32, (&Rule, &str, Vec<String>)>) -> Vec<Finding> {
    let finding = |(line, (rule, why, who)): (&u32, &(&Rule, &str, Vec<String>))| {
        let mut list = who.iter().take(LISTED).cloned().collect::<Vec<_>>().join("; ");
        if who.len() > LISTED {
            list.push_str(&format!("; and {} more", who.len() - LISTED));
        }
        Finding::warning(
            Area::Hba,
            subject(*line),
            format!("only \"{}\" admits {list}; {why}", rule.text),
            "let gp-agent write its block with the pods' own names or addresses, then narrow or remove this line",
        )
    };
    wide.iter().map(finding).collect()
}

fn subject(line: u32) -> String {
    format!("pg_hba.conf line {line}")
}

fn describe(need: &Connection, origin: Origin) -> String {
    let database = match &need.database {
        Database::PhysicalReplication => "replication".to_string(),
        Database::Named(name) => format!("database {name}"),
    };
    let place = match origin {
        Origin::Local => "the unix socket".to_string(),
        Origin::Host { address, .. } => address.to_string(),
    };
    format!("{} ({place}, {database}, {}: {})", need.from, need.user, need.purpose)
}

/// Whether a pod can answer what a line asks: nothing, a password, or its own user on the socket.
fn can_satisfy(rule: &Rule, origin: Origin) -> bool {
    match rule.method {
        Method::Trust | Method::Password | Method::Md5 | Method::ScramSha256 => true,
        Method::Peer => origin == Origin::Local,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
