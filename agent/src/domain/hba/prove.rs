//! Proof that a pg_hba.conf admits what the topology needs, and not by luck.

use super::admit::name_matches;
use super::{
    Address, Client, Connection, Database, ErrorKind, HbaFile, Index, Method, Origin, Rule,
    Verdict, Via, View, Width, width,
};
use crate::domain::finding::{Area, Finding};
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
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let addresses: Vec<IpAddr> = match need.via {
        Via::Socket => return vec![Origin::Local],
        Via::Loopback => loopback
            .into_iter()
            .filter(|address| own.is_empty() || own.iter().any(|i| i.address == *address))
            .collect(),
        Via::Network => resolved
            .addresses
            .get(&need.from)
            .cloned()
            .unwrap_or_default(),
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
        let has_slash = |rule: &&Rule| {
            let mut words = rule.databases.iter().chain(&rule.users);
            words.any(|word| word.text.starts_with('/'))
        };
        for rule in file.rules.iter().filter(has_slash) {
            self.findings.push(Finding::warning(
                Area::Hba,
                subject(rule.line),
                "a word that starts with \"/\" is a name here and before PostgreSQL 16, and a regular expression since",
                "write the names themselves",
            ));
        }
    }

    fn judge(&mut self, need: &Connection, origin: Origin) {
        let client = Client::new(origin, need.database.clone(), &need.user);
        let who = describe(need, origin);
        match self.all.admit(&client, self.view) {
            Verdict::NoMatch => self.refused(need, origin, format!("no line admits {who}")),
            Verdict::Rejected(rule) => {
                let what = format!("line {} (\"{}\") rejects {who}", rule.line, rule.text);
                self.refused(need, origin, what);
            }
            Verdict::Admitted(rule) => {
                if !can_satisfy(rule, origin) {
                    self.findings.push(Finding::warning(
                        Area::Hba,
                        subject(rule.line),
                        format!(
                            "{who} is asked for \"{}\", which no pod can answer",
                            rule.method.word()
                        ),
                        "put gp-agent's block above this line, or change the line's method",
                    ));
                }
                let alone =
                    || !matches!(self.narrow.admit(&client, self.view), Verdict::Admitted(_));
                if let Width::Wide(why) = width(rule)
                    && alone()
                {
                    let who = who + &self.unverified(need, origin).unwrap_or_default();
                    let entry = self
                        .wide
                        .entry(rule.line)
                        .or_insert((rule, why, Vec::new()));
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
                "let gp-agent write its block (it does once the pod's address is known), or add at the top: host {} {} {address}/{} trust",
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
        Some(format!(
            ", because line {} names {} and {seen}",
            rule.line, need.fqdn
        ))
    }
}

fn wide_findings(wide: &BTreeMap<u32, (&Rule, &str, Vec<String>)>) -> Vec<Finding> {
    let finding = |(line, (rule, why, who)): (&u32, &(&Rule, &str, Vec<String>))| {
        let mut list = who
            .iter()
            .take(LISTED)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
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
    format!(
        "{} ({place}, {database}, {}: {})",
        need.from, need.user, need.purpose
    )
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
mod tests {
    use super::super::needs::tests::topology;
    use super::super::{Interface, needs, parse};
    use super::*;
    use crate::domain::finding::Severity;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Every pod has 10.0.0.<n>, and its name verifies.
    fn resolved() -> ResolvedView {
        let mut resolved = ResolvedView::default();
        for (n, member) in topology(2).members.iter().enumerate() {
            let address = IpAddr::from([10, 0, 0, n as u8 + 1]);
            resolved.addresses.insert(member.pod.clone(), vec![address]);
            resolved.view.set_reverse(address, &member.fqdn);
            resolved.view.set_forward(&member.fqdn, vec![address]);
        }
        resolved.view.interfaces = [("127.0.0.1", "255.0.0.0"), ("10.0.0.1", "255.255.255.0")]
            .map(|(address, mask)| Interface {
                address: ip(address),
                mask: ip(mask),
            })
            .to_vec();
        resolved
    }

    fn findings(text: &str, resolved: &ResolvedView) -> Vec<Finding> {
        let topology = topology(2);
        let me = topology.member("coordinator-0").unwrap();
        prove(&parse(text), &needs(&topology, me, "gpadmin"), resolved)
    }

    const GOOD: &str = "local all gpadmin peer\n\
        host all gpadmin 127.0.0.1/32 trust\n\
        host all gpadmin coordinator-0.db.test trust\n\
        host all,replication gpadmin coordinator-1.db.test trust\n";

    #[test]
    fn a_good_file_has_no_findings() {
        assert_eq!(findings(GOOD, &resolved()), []);
    }

    #[test]
    fn a_wrong_name_is_told_with_what_the_library_says() {
        let mut resolved = resolved();
        resolved
            .view
            .set_reverse(ip("10.0.0.2"), "10-0-0-2.other.test");
        let found = findings(GOOD, &resolved);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].severity, Severity::Error);
        assert!(
            found[0].what.contains("line 4 names coordinator-1.db.test"),
            "{}",
            found[0]
        );
        assert!(
            found[0]
                .what
                .contains("10.0.0.2 is called 10-0-0-2.other.test here")
        );
    }

    #[test]
    fn a_wide_line_that_hides_a_wrong_name_is_found() {
        let mut resolved = resolved();
        resolved
            .view
            .set_forward("coordinator-1.db.test", vec![ip("10.0.0.99")]);
        let text = format!("{GOOD}host all,replication all samenet trust\n");
        let found = findings(&text, &resolved);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(found[0].subject, "pg_hba.conf line 5");
        assert!(
            found[0].what.contains("does not lead to 10.0.0.2"),
            "{}",
            found[0]
        );
    }

    #[test]
    fn a_wide_line_above_a_good_one_does_no_harm() {
        let text = format!("host all,replication all 0.0.0.0/0 trust\n{GOOD}");
        assert_eq!(findings(&text, &resolved()), []);
    }

    #[test]
    fn refusals_and_lines_that_cannot_be_judged() {
        let text = format!(
            "host replication all 10.0.0.2/32 reject\nhost all @f all md5\nhosts x\n{GOOD}"
        );
        let found = findings(&text, &resolved());
        let subjects: Vec<_> = found.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(
            subjects,
            ["pg_hba.conf line 2", "pg_hba.conf line 3", "pg_hba.conf"]
        );
        assert!(found[1].what.contains("keeps the rules it loaded before"));
        assert!(
            found[2]
                .what
                .contains("line 1 (\"host replication all 10.0.0.2/32 reject\") rejects")
        );
        assert!(!findings("", &resolved()).is_empty());
    }

    #[test]
    fn a_method_that_pods_cannot_answer() {
        let text = format!("host all all 10.0.0.2/32 ldap ldapprefix=x\n{GOOD}");
        let found = findings(&text, &resolved());
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("\"ldap\""), "{}", found[0]);
    }

    #[test]
    fn ten_thousand_pods() {
        let n: u32 = 10_000;
        let mut resolved = ResolvedView::default();
        let mut text = String::new();
        let mut needs = Vec::new();
        for i in 0..n {
            let fqdn = format!("p-{i}.db.test");
            let address = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + i));
            resolved.addresses.insert(format!("p-{i}"), vec![address]);
            resolved.view.set_reverse(address, &fqdn);
            resolved.view.set_forward(&fqdn, vec![address]);
            let place = if i % 2 == 0 {
                fqdn.clone()
            } else {
                format!("{address}/32")
            };
            text.push_str(&format!("host all gpadmin {place} trust\n"));
            needs.push(Connection {
                from: format!("p-{i}"),
                fqdn,
                via: Via::Network,
                database: Database::Named("postgres".into()),
                user: "gpadmin".into(),
                purpose: "work",
            });
        }
        assert_eq!(prove(&parse(&text), &needs, &resolved), []);
        text.push_str("host all gpadmin 10.0.0.0/8 trust\nhost all gpadmin all trust\n");
        resolved.view.set_reverse(ip("10.0.0.0"), "other.test");
        assert_eq!(prove(&parse(&text), &needs, &resolved), []);
    }
}
