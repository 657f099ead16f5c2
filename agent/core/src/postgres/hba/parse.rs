//! From words to rules.

use super::address::{cidr_mask, parse_numeric};
use super::auth_options;
use super::grammar::{Grammar, WordPlace};
use super::model::{Address, ConnType, HbaFile, LineError, Method, Rule, Token};
use super::syntax_error::HbaSyntaxError;
use super::tokenizer;
use super::tokenizer::Line;
use std::vec::IntoIter;

/// Reads a whole pg_hba.conf as the newest server does; see [`parse_as`].
pub fn parse(text: &str) -> HbaFile {
    parse_as(text, Grammar::default())
}

/// Reads a whole pg_hba.conf as a server of that grammar does.
///
/// Every line is judged, as in `pg_hba_file_rules`; PostgreSQL itself loads the file only without errors.
pub fn parse_as(text: &str, grammar: Grammar) -> HbaFile {
    let mut file = HbaFile::default();
    for line in tokenizer::lines(text, grammar) {
        let number = line.number;
        let read = match line.error {
            Some(error) => Err(error),
            None => rule(line, grammar),
        };
        match read {
            Ok(rule) => file.rules.push(rule),
            Err(error) => file.errors.push(LineError {
                line: number,
                kind: error.kind(),
                what: error.to_string(),
            }),
        }
    }
    file
}

type Fields = IntoIter<Vec<Token>>;

fn rule(line: Line, grammar: Grammar) -> Result<Rule, HbaSyntaxError> {
    let mut fields = line.fields.into_iter();
    let kind = connection_type(&one(&mut fields, "", "connection type")?, grammar)?;
    let databases = grammar.names(many(&mut fields, "database specification")?);
    let users = grammar.names(many(&mut fields, "role specification")?);
    let address = match kind {
        ConnType::Local => None,
        _ => Some(address(&mut fields)?),
    };
    let word = one(&mut fields, "authentication method", "authentication type")?;
    let method = method(&word.text, kind, grammar)?;
    let mut given = Vec::new();
    for token in fields.flatten() {
        let (name, value) = token
            .text
            .split_once('=')
            .ok_or_else(|| HbaSyntaxError::NotNameValue(token.text.clone()))?;
        auth_options::check(name, value, kind, method, grammar)?;
        given.push((name.to_string(), value.to_string()));
    }
    auth_options::check_together(method, &given, grammar)?;
    Ok(Rule {
        line: line.number,
        kind,
        databases,
        users,
        address,
        method,
        options: given,
        text: line.text.trim().to_string(),
    })
}

fn many(fields: &mut Fields, what: &'static str) -> Result<Vec<Token>, HbaSyntaxError> {
    fields.next().ok_or(HbaSyntaxError::EndOfLine(what))
}

fn one(fields: &mut Fields, missing: &'static str, what: &'static str) -> Result<Token, HbaSyntaxError> {
    let mut words = many(fields, missing)?;
    match words.pop() {
        Some(word) if words.is_empty() => Ok(word),
        _ => Err(HbaSyntaxError::MultipleValues(what)),
    }
}

fn connection_type(word: &Token, grammar: Grammar) -> Result<ConnType, HbaSyntaxError> {
    if !grammar.knows(WordPlace::ConnectionType, &word.text) {
        return Err(HbaSyntaxError::ConnectionType(word.text.clone()));
    }
    Ok(match word.text.as_str() {
        "local" => ConnType::Local,
        "host" => ConnType::Host,
        "hostssl" => ConnType::HostSsl,
        "hostnossl" => ConnType::HostNoSsl,
        "hostgssenc" => ConnType::HostGssEnc,
        "hostnogssenc" => ConnType::HostNoGssEnc,
        other => return Err(HbaSyntaxError::ConnectionType(other.to_string())),
    })
}

fn address(fields: &mut Fields) -> Result<Address, HbaSyntaxError> {
    let word = one(fields, "IP address specification", "host address")?;
    for (keyword, address) in [
        ("all", Address::All),
        ("samehost", Address::SameHost),
        ("samenet", Address::SameNet),
    ] {
        if word.is_keyword(keyword) {
            return Ok(address);
        }
    }
    let (host, bits) = match word.text.split_once('/') {
        Some((host, bits)) => (host, Some(bits)),
        None => (word.text.as_str(), None),
    };
    match (parse_numeric(host), bits) {
        (None, None) => Ok(Address::Name(host.to_string())),
        (None, Some(_)) => Err(HbaSyntaxError::NameWithMask(word.text)),
        (Some(address), Some(bits)) => cidr_mask(bits, address)
            .map(|mask| Address::Net { address, mask })
            .ok_or_else(|| HbaSyntaxError::CidrMask(word.text.clone())),
        (Some(address), None) => {
            let word = one(fields, "netmask specification", "netmask")?;
            let mask = parse_numeric(&word.text).ok_or_else(|| HbaSyntaxError::IpMask(word.text.clone()))?;
            if mask.is_ipv4() != address.is_ipv4() {
                return Err(HbaSyntaxError::MaskOfOtherFamily);
            }
            Ok(Address::Net { address, mask })
        }
    }
}

fn method(word: &str, kind: ConnType, grammar: Grammar) -> Result<Method, HbaSyntaxError> {
    if !grammar.knows(WordPlace::Method, word) {
        return Err(HbaSyntaxError::MethodOfOtherVersion(word.to_string()));
    }
    let local = kind == ConnType::Local;
    Ok(match word {
        "trust" => Method::Trust,
        "reject" => Method::Reject,
        "ident" if local => Method::Peer,
        "ident" => Method::Ident,
        "peer" if local => Method::Peer,
        "peer" => return Err(HbaSyntaxError::LocalOnly("peer")),
        "password" => Method::Password,
        "md5" => Method::Md5,
        "scram-sha-256" => Method::ScramSha256,
        "gss" if local => return Err(HbaSyntaxError::NotLocal("gssapi")),
        "gss" => Method::Gss,
        "pam" => Method::Pam,
        "ldap" => Method::Ldap,
        "cert" if kind != ConnType::HostSsl => return Err(HbaSyntaxError::CertWithoutSsl),
        "cert" => Method::Cert,
        "radius" => Method::Radius,
        "sspi" | "bsd" => return Err(HbaSyntaxError::MethodNotBuilt(word.to_string())),
        other => return Err(HbaSyntaxError::Method(other.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        let file = parse(text);
        assert_eq!((file.rules.len(), file.errors.len()), (0, 1), "{text}");
        file.errors[0].what.clone()
    }

    #[test]
    fn the_usual_lines() {
        let file = parse(concat!(
            "local all gpadmin ident map=m\n",
            "host all,\"all\" +dba 10.0.0.0/8 trust\n",
            "hostssl replication \"+x\" 10.1.0.0 255.255.0.0 cert clientcert=verify-full\n",
            "host all all .example.org scram-sha-256\n",
            "host all all \"all\" md5\n",
        ));
        assert_eq!(file.errors, []);
        assert_eq!(file.rules[0].method, Method::Peer);
        assert_eq!(file.rules[0].options, [("map".into(), "m".into())]);
        assert!(file.rules[1].databases[0].is_keyword("all"));
        assert!(!file.rules[1].databases[1].is_keyword("all"));
        assert_eq!(
            file.rules[2].address,
            Some(Address::Net {
                address: "10.1.0.0".parse().unwrap(),
                mask: "255.255.0.0".parse().unwrap()
            })
        );
        assert_eq!(file.rules[4].address, Some(Address::Name("all".into())));
    }

    #[test]
    fn what_postgres_refuses() {
        for (line, words) in [
            ("hots all all all trust", "invalid connection type"),
            (
                "host,local all all all trust",
                "multiple values specified for connection type",
            ),
            ("host", "end-of-line before database"),
            ("host all", "end-of-line before role"),
            ("host all all", "end-of-line before IP address"),
            ("host all all a,b trust", "multiple values specified for host address"),
            ("host all all a/8 trust", "both host name and CIDR mask"),
            ("host all all 10.0.0.0/33 trust", "invalid CIDR mask"),
            ("host all all 10.0.0.0 trust", "invalid IP mask"),
            ("host all all 10.0.0.0", "end-of-line before netmask"),
            ("host all all 10.0.0.0 ffff:: trust", "do not match"),
            ("host all all all", "end-of-line before authentication method"),
            (
                "host all all all trust,md5",
                "multiple values specified for authentication type",
            ),
            ("host all all all Trust", "invalid authentication method"),
            ("host all all all sspi", "not supported by this build"),
            ("host all all all peer", "only supported on local sockets"),
            ("local all all gss", "not supported on local sockets"),
            ("host all all all cert", "only supported on hostssl"),
            ("host all all all trust yes", "not in name=value format"),
            ("host all all all trust a=b", "unrecognized authentication option"),
        ] {
            assert!(error(line).contains(words), "{line}: {}", error(line));
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_rules() {
        assert_eq!(parse("# nothing\n\n"), HbaFile::default());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[ -~\t\r\n\\\\\",#]{0,200}") {
            let file = parse(&text);
            let lines = u32::try_from(text.split('\n').count()).unwrap();
            prop_assert!(file.rules.iter().all(|r| r.line >= 1 && r.line <= lines));
            prop_assert!(file.errors.iter().all(|e| e.line >= 1 && e.line <= lines));
        }
    }
}
