//! Where a standby streams from: primary_conninfo.

use crate::config::quote;

/// Milliseconds in which the other end has to acknowledge what was sent to it, the first packet of a connection included. To
/// the address of a pod that is gone packets vanish: a walreceiver has no time-out of its own for that (connect_timeout is
/// not for it, libpqwalreceiver.c), and the kernel's is two minutes.
const UNACKNOWLEDGED_MS: u32 = 10_000;

/// The server that a standby copies and follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandbySource<'a> {
    /// Its host.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The role to connect as.
    pub user: &'a str,
}

impl StandbySource<'_> {
    /// The connection string, for pg_basebackup and for primary_conninfo.
    pub fn conninfo(&self) -> String {
        format!(
            "host={} port={} user={} tcp_user_timeout={UNACKNOWLEDGED_MS}",
            quote::conninfo(self.host),
            self.port,
            quote::conninfo(self.user)
        )
    }
}

/// How `conninfo` (of a server, of a file) leads elsewhere than to one of `hosts` at `port`, in words; `None` when it does
/// not. A service file or several hosts are believed: what they lead to is not in the text.
pub fn names_another(conninfo: &str, hosts: &[&str], port: u16) -> Option<String> {
    if conninfo.trim().is_empty() {
        return Some("it is empty".into());
    }
    let pairs = match conninfo.split_once("://") {
        Some((_, rest)) => of_uri(rest),
        None => of_words(conninfo),
    };
    let last = |key: &str| pairs.iter().rfind(|(k, _)| k == key).map(|(_, value)| value.as_str());
    if last("service").is_some() {
        return None;
    }
    // 5432 is compiled in; libpq would also look at the environment, which the agent does not set.
    let (host, at) = (
        last("hostaddr").or(last("host")).unwrap_or_default(),
        last("port").unwrap_or("5432"),
    );
    if host.contains(',') {
        return None;
    }
    let same_host = hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    (!same_host || at != port.to_string()).then(|| format!("it leads to {host}:{at}"))
}

/// `keyword = value` pairs, values perhaps quoted, with backslashes (fe-connect.c, conninfo_parse).
fn of_words(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        let key: String = std::iter::from_fn(|| rest.next_if(|c| *c != '=')).collect();
        if rest.next().is_none() {
            return pairs;
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = rest.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        while let Some(c) = rest.next() {
            match c {
                '\\' => value.extend(rest.next()),
                '\'' if quoted => break,
                c if !quoted && c.is_whitespace() => break,
                c => value.push(c),
            }
        }
        pairs.push((key.trim().to_string(), value));
    }
}

/// `user@host:port/database?key=value`, as much of it as matters here.
fn of_uri(rest: &str) -> Vec<(String, String)> {
    let (authority, options) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (place, ""),
    };
    let mut pairs = vec![("host".to_string(), host.trim_matches(['[', ']']).to_string())];
    if !port.is_empty() {
        pairs.push(("port".into(), port.into()));
    }
    let options = options.rsplit_once('?').map_or(options, |(_, options)| options);
    let options = options.split('&').filter_map(|option| option.split_once('='));
    pairs.extend(options.map(|(key, value)| (key.to_string(), value.to_string())));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FQDN: &str = "segment-a-0.agent.prod.svc.cluster.local";

    #[test]
    fn a_stream_to_an_address_that_is_gone_ends_soon() {
        let source = StandbySource {
            host: FQDN,
            port: 40000,
            user: r"o'ne\two",
        };
        assert_eq!(
            source.conninfo(),
            format!(r"host='{FQDN}' port=40000 user='o\'ne\\two' tcp_user_timeout=10000")
        );
    }

    #[test]
    fn what_leads_elsewhere_is_told_from_what_does_not() {
        let another = |conninfo: &str| names_another(conninfo, &[FQDN, "10.1.2.3"], 40000);
        for same in [
            format!("user=gpadmin passfile='/home/it\\'s' host={FQDN} port=40000 sslmode=prefer"),
            "host = '10.1.2.3' port = '40000'".into(),
            format!("host={FQDN} hostaddr=10.1.2.3 port=40000"),
            format!("postgresql://gpadmin@{FQDN}:40000/postgres?application_name=m"),
            "postgres:///?host=10.1.2.3&port=40000".into(),
            "service=primary".into(),
            format!("host={FQDN},other port=40000"),
        ] {
            assert_eq!(another(&same), None, "{same}");
        }
        assert_eq!(another(" ").unwrap(), "it is empty");
        let words = another(&format!("host={FQDN} port=40001")).unwrap();
        assert_eq!(words, format!("it leads to {FQDN}:40001"));
        assert_eq!(another("host=x port=40000 user=a").unwrap(), "it leads to x:40000");
        assert_eq!(
            another(&format!("host={FQDN}")).unwrap(),
            format!("it leads to {FQDN}:5432")
        );
        assert_eq!(
            another("postgres://[fd00::1]:40000").unwrap(),
            "it leads to fd00::1:40000"
        );
    }

    proptest! {
        #[test]
        fn the_agents_own_leads_where_it_should(host in "[a-z0-9.-]{1,20}", port in 1u16.., user in "\\PC{1,12}") {
            let source = StandbySource { host: &host, port, user: &user };
            prop_assert_eq!(names_another(&source.conninfo(), &[&host], port), None);
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,60}") {
            names_another(&text, &[FQDN], 1);
        }
    }
}
