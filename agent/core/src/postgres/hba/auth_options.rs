//! The `name=value` options and which method takes them (hba.c, parse_hba_auth_opt).

use super::grammar::{Grammar, WordPlace};
use super::model::{ConnType, Method};
use super::syntax_error::HbaSyntaxError;

/// Judges one option of a line.
pub(super) fn check(
    name: &str,
    value: &str,
    kind: ConnType,
    method: Method,
    grammar: Grammar,
) -> Result<(), HbaSyntaxError> {
    if !grammar.knows(WordPlace::Option, name) {
        return Err(HbaSyntaxError::OptionName(name.to_string()));
    }
    let only_for = |methods: &[Method], words: &'static str| {
        if methods.contains(&method) {
            return Ok(());
        }
        Err(HbaSyntaxError::OptionOfOtherMethod {
            name: name.to_string(),
            methods: words,
        })
    };
    match name {
        "map" => only_for(
            &[Method::Ident, Method::Peer, Method::Gss, Method::Cert],
            "ident, peer, gssapi, sspi, and cert",
        ),
        "clientcert" | "clientname" => certificate(name, value, kind, method, grammar),
        "pamservice" | "pam_use_hostname" => only_for(&[Method::Pam], "pam"),
        "krb_realm" | "include_realm" => only_for(&[Method::Gss], "gssapi and sspi"),
        "compat_realm" | "upn_username" => only_for(&[], "sspi"),
        _ if RADIUS.contains(&name.trim_end_matches('s')) => {
            only_for(&[Method::Radius], "radius")?;
            radius(name, value)
        }
        _ if LDAP.contains(&name) => {
            only_for(&[Method::Ldap], "ldap")?;
            ldap(name, value)
        }
        _ => Err(HbaSyntaxError::OptionName(name.to_string())),
    }
}

const LDAP: [&str; 12] = [
    "ldapurl",
    "ldaptls",
    "ldapscheme",
    "ldapserver",
    "ldapport",
    "ldapbinddn",
    "ldapbindpasswd",
    "ldapsearchattribute",
    "ldapsearchfilter",
    "ldapbasedn",
    "ldapprefix",
    "ldapsuffix",
];

/// In the singular, as PostgreSQL wrote them before 10.
const RADIUS: [&str; 4] = ["radiusserver", "radiussecret", "radiusport", "radiusidentifier"];

fn certificate(
    name: &str,
    value: &str,
    kind: ConnType,
    method: Method,
    grammar: Grammar,
) -> Result<(), HbaSyntaxError> {
    if kind != ConnType::HostSsl {
        return Err(HbaSyntaxError::NeedsHostSsl(name.to_string()));
    }
    // Until 13 a line with cert took everything but what asks for no certificate.
    let old = grammar.has(WordPlace::ClientCert, "0");
    let enough = value == "verify-full" || (old && !matches!(value, "0" | "no-verify"));
    let known = name == "clientcert" && grammar.has(WordPlace::ClientCert, value);
    match (name, value) {
        ("clientcert", _) if known && method == Method::Cert && !enough => Err(HbaSyntaxError::CertNeedsVerifyFull),
        ("clientcert", _) if known => Ok(()),
        ("clientname", "CN" | "DN") => Ok(()),
        _ => Err(HbaSyntaxError::OptionValue {
            name: name.to_string(),
            value: value.to_string(),
        }),
    }
}

fn ldap(name: &str, value: &str) -> Result<(), HbaSyntaxError> {
    match name {
        "ldapport" if c_integer(value) == 0 => Err(HbaSyntaxError::Port("LDAP", value.to_string())),
        "ldapurl" => {
            let lower = value.to_ascii_lowercase();
            if lower.starts_with("ldap://") || lower.starts_with("ldaps://") {
                return Ok(());
            }
            Err(HbaSyntaxError::LdapUrl(value.to_string()))
        }
        _ => Ok(()),
    }
}

fn radius(name: &str, value: &str) -> Result<(), HbaSyntaxError> {
    if matches!(name, "radiusports" | "radiusport") && list(value).iter().any(|port| c_integer(port) == 0) {
        return Err(HbaSyntaxError::Port("RADIUS", value.to_string()));
    }
    Ok(())
}

/// Judges the options of one line together: what a method needs, and what excludes each other.
pub(super) fn check_together(
    method: Method,
    options: &[(String, String)],
    grammar: Grammar,
) -> Result<(), HbaSyntaxError> {
    let given = |names: &[&str]| options.iter().any(|(name, _)| names.contains(&name.as_str()));
    match method {
        Method::Ldap => ldap_together(given),
        Method::Radius if !grammar.knows(WordPlace::Option, "radiusservers") => radius_alone(given),
        Method::Radius => radius_together(options),
        _ => Ok(()),
    }
}

fn ldap_together(given: impl Fn(&[&str]) -> bool) -> Result<(), HbaSyntaxError> {
    let search = [
        "ldapbasedn",
        "ldapbinddn",
        "ldapbindpasswd",
        "ldapsearchattribute",
        "ldapsearchfilter",
        "ldapurl",
    ];
    if given(&["ldapprefix", "ldapsuffix"]) {
        if given(&search) {
            return Err(HbaSyntaxError::Together(search.join(", "), "ldapprefix"));
        }
    } else if !given(&["ldapbasedn", "ldapurl"]) {
        return Err(HbaSyntaxError::LdapNeedsBase);
    }
    if given(&["ldapsearchattribute"]) && given(&["ldapsearchfilter"]) {
        return Err(HbaSyntaxError::Together(
            "ldapsearchattribute".to_string(),
            "ldapsearchfilter",
        ));
    }
    Ok(())
}

/// One server a line, before PostgreSQL 10.
fn radius_alone(given: impl Fn(&[&str]) -> bool) -> Result<(), HbaSyntaxError> {
    for name in ["radiusserver", "radiussecret"] {
        if !given(&[name]) {
            return Err(HbaSyntaxError::RadiusNeeds(name));
        }
    }
    Ok(())
}

fn radius_together(options: &[(String, String)]) -> Result<(), HbaSyntaxError> {
    let count = |wanted: &str| {
        let last = options.iter().rfind(|(name, _)| name == wanted);
        last.map(|(_, value)| list(value).len())
    };
    let needed = |name: &'static str| match count(name) {
        None => Err(HbaSyntaxError::RadiusNeeds(name)),
        Some(0) => Err(HbaSyntaxError::EmptyList(name)),
        Some(n) => Ok(n),
    };
    let servers = needed("radiusservers")?;
    needed("radiussecrets")?;
    for name in ["radiussecrets", "radiusports", "radiusidentifiers"] {
        let n = count(name).unwrap_or(0);
        if n > 1 && n != servers {
            return Err(HbaSyntaxError::ListLength {
                name,
                count: n,
                servers,
            });
        }
    }
    Ok(())
}

fn list(value: &str) -> Vec<&str> {
    let parts = value.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

/// atoi: the leading number, 0 when there is none.
fn c_integer(text: &str) -> i64 {
    let text = text.trim_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::postgres::hba::parse;

    #[test]
    fn options_belong_to_their_methods() {
        for line in [
            "host all all all ident map=x",
            "host all all all gss include_realm=0 krb_realm=R",
            "host all all all pam pamservice=pg",
            "host all all all ldap ldapserver=l ldapprefix=a ldapport=389",
            "host all all all ldap \"ldapurl=ldap://h/dc=x\"",
            "host all all all radius radiusservers=127.0.0.1 radiussecrets=s",
            "hostssl all all all scram-sha-256 clientcert=verify-ca clientname=DN",
        ] {
            assert_eq!(parse(line).errors, [], "{line}");
        }
        for line in [
            "host all all all trust map=x",
            "host all all all md5 ldapserver=x",
            "host all all all ldap ldapserver=x",
            "host all all all ldap ldapprefix=a ldapbasedn=b",
            "host all all all ldap ldapbasedn=b ldapport=x",
            "host all all all radius radiusservers=127.0.0.1",
            "host all all all radius radiusservers=127.0.0.1 \"radiussecrets=a,b\"",
            "host all all all scram-sha-256 clientcert=verify-ca",
            "hostssl all all all cert clientcert=verify-ca",
            "hostssl all all all md5 clientcert=1",
        ] {
            assert_eq!(parse(line).errors.len(), 1, "{line}");
        }
    }
}
