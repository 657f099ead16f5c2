//! The server's certificate: which of two is in force, and what is wrong with one.

use crate::finding::{Area, Finding};
use jiff::Timestamp;
use std::path::Path;

const DAY: u64 = 86_400;

/// When a certificate holds, both ends included (RFC 5280, 4.1.2.5), in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its beginning.
    pub from: u64,
    /// Its end.
    pub until: u64,
}

impl Validity {
    /// Whether it holds at that time.
    pub fn holds(self, now: u64) -> bool {
        (self.from..=self.until).contains(&now)
    }

    /// From when on its end is worth a warning. Whoever renews by himself, as cert-manager does, has done so by then: it
    /// renews when a third of the life is left.
    fn warns_from(self) -> u64 {
        let life = self.until.saturating_sub(self.from);
        self.until.saturating_sub((life / 6).min(14 * DAY))
    }
}

/// Why a Secret's certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither pair of names is there.
    #[error("it has neither tls.crt and tls.key nor server.crt and server.key")]
    NoPair,
    /// A file that cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(&'static str, String),
    /// Bytes that are no certificate in PEM.
    #[error("{0} is no certificate in PEM: {1}")]
    NoCertificate(&'static str, String),
    /// Bytes that are no key in PEM.
    #[error("{0} is no private key in PEM: {1}")]
    NoKey(&'static str, String),
    /// A key that a passphrase protects, which nobody could type in.
    #[error("{0} is protected by a passphrase")]
    Encrypted(&'static str),
    /// A key of a kind that cannot be compared with its certificate here.
    #[error("{0} is a key of a kind that is not supported: {1}")]
    OtherKind(&'static str, String),
    /// The private key is another certificate's.
    #[error("{0} is not the key of {1}")]
    Mismatch(&'static str, &'static str),
}

impl Fault {
    /// What to do.
    fn remedy(&self) -> &'static str {
        match self {
            Fault::NoPair => {
                "put the certificate and its key into the Secret (kubectl create secret tls), or mend tls.secret"
            }
            Fault::Unreadable(..) => "let the pod's user or group read the files (mode 0440 with fsGroup)",
            Fault::NoCertificate(..) => {
                "put the certificate there, then those of its issuers, each from BEGIN to END CERTIFICATE"
            }
            Fault::NoKey(..) => "put the private key there, from BEGIN to END",
            Fault::Encrypted(_) => "store it without one: openssl pkey -in KEY -out KEY",
            Fault::OtherKind(..) => "use ECDSA (P-256, P-384), Ed25519, or RSA with 2048 bits or more",
            Fault::Mismatch(..) => "put a certificate and the key that it was made for into the Secret, both at once",
        }
    }
}

/// Whether what is offered replaces what is in force. One that does not hold now helps only where there is no better: it
/// still encrypts for clients that verify nothing.
pub fn replaces(in_force: Option<Validity>, offered: Validity, now: u64) -> bool {
    offered.holds(now) || !in_force.is_some_and(|validity| validity.holds(now))
}

/// What is wrong with the Secret mounted at `secret`, and with the certificate that the server uses.
pub fn judge(secret: &Path, in_force: Option<Validity>, offered: &Result<Validity, Fault>, now: u64) -> Vec<Finding> {
    let subject = secret.display().to_string();
    let meanwhile = match in_force {
        Some(_) => "the previous certificate stays in use",
        None => "the server runs without TLS: hostssl lines admit nobody",
    };
    let mut findings = Vec::new();
    match offered {
        Err(fault) => findings.push(Finding::error(
            Area::Config,
            &subject,
            format!("{fault}; {meanwhile}"),
            fault.remedy(),
        )),
        Ok(offered) if !replaces(in_force, *offered, now) => findings.push(Finding::error(
            Area::Config,
            &subject,
            format!(
                "the certificate holds from {} to {}; {meanwhile}",
                day(offered.from),
                day(offered.until)
            ),
            "renew it, and look at the clocks of nodes and issuer",
        )),
        Ok(_) => {}
    }
    findings.extend(in_force.and_then(|validity| judge_in_force(&subject, validity, now)));
    findings
}

fn judge_in_force(subject: &str, validity: Validity, now: u64) -> Option<Finding> {
    let remedy = "renew it: the server follows the Secret without a restart (Greenplum 6: with one)";
    if now < validity.from {
        let what = format!(
            "the certificate in use holds from {} on: clients that verify it refuse it",
            day(validity.from)
        );
        return Some(Finding::error(
            Area::Config,
            subject,
            what,
            "look at the clocks of nodes and issuer",
        ));
    }
    if now > validity.until {
        let what = format!(
            "the certificate in use ended on {}: clients that verify it refuse it",
            day(validity.until)
        );
        return Some(Finding::error(Area::Config, subject, what, remedy));
    }
    let soon = now >= validity.warns_from();
    soon.then(|| {
        Finding::warning(
            Area::Config,
            subject,
            format!("the certificate ends on {}", day(validity.until)),
            remedy,
        )
    })
}

/// Such as `2027-02-26 12:00 UTC`.
pub fn day(seconds: u64) -> String {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment
        .unwrap_or(Timestamp::MAX)
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string()
}

/// The parameters of a server whose files are in `dir`.
pub fn parameters(dir: &Path, has_ca: bool) -> Vec<(&'static str, String)> {
    let file = |name: &str| dir.join(name).display().to_string();
    let mut parameters = vec![
        ("ssl", "on".to_string()),
        ("ssl_cert_file", file(CERTIFICATE)),
        ("ssl_key_file", file(KEY)),
    ];
    if has_ca {
        parameters.push(("ssl_ca_file", file(CA)));
    }
    parameters
}

/// The certificate, and those of its issuers.
pub const CERTIFICATE: &str = "server.crt";
/// The private key.
pub const KEY: &str = "server.key";
/// Issuers of clients' certificates.
pub const CA: &str = "ca.crt";

/// Names of a Secret's certificate and key: PostgreSQL's own, then those of the type kubernetes.io/tls, as cert-manager
/// makes it.
pub const PAIRS: [(&str, &str); 2] = [(CERTIFICATE, KEY), ("tls.crt", "tls.key")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use proptest::prelude::*;

    const YEAR: Validity = Validity {
        from: 1_700_000_000,
        until: 1_700_000_000 + 365 * DAY,
    };

    fn said(in_force: Option<Validity>, offered: &Result<Validity, Fault>, now: u64) -> Vec<(Severity, String)> {
        let findings = judge(Path::new("/tls"), in_force, offered, now);
        findings.into_iter().map(|f| (f.severity, f.what)).collect()
    }

    #[test]
    fn the_end_is_said_before_it_comes() {
        let at = |days_left: u64| said(Some(YEAR), &Ok(YEAR), YEAR.until - days_left * DAY);
        assert_eq!(at(15), []);
        let warning = "the certificate ends on 2024-11-13 22:13 UTC".to_string();
        assert_eq!(at(13), [(Severity::Warning, warning)]);
        let after = said(Some(YEAR), &Ok(YEAR), YEAR.until + 1);
        assert!(
            after[0].0 == Severity::Error && after[0].1.contains("ended on 2024-11-13"),
            "{after:?}"
        );
        // cert-manager renews one of a day eight hours before its end.
        let day = Validity { from: 0, until: DAY };
        assert_eq!(said(Some(day), &Ok(day), DAY * 2 / 3), []);
        assert_eq!(said(Some(day), &Ok(day), DAY - 3600).len(), 1);
    }

    #[test]
    fn a_bad_secret_is_named_with_what_holds_meanwhile() {
        let bad = Err(Fault::Mismatch("tls.key", "tls.crt"));
        let now = YEAR.from + DAY;
        let kept = said(Some(YEAR), &bad, now);
        assert_eq!(
            kept[0].1,
            "tls.key is not the key of tls.crt; the previous certificate stays in use"
        );
        let none = said(None, &bad, now);
        assert!(none[0].1.ends_with("hostssl lines admit nobody"), "{none:?}");
        let past = Validity { from: 0, until: DAY };
        assert!(
            said(Some(YEAR), &Ok(past), now)[0]
                .1
                .starts_with("the certificate holds from 1970-01-01")
        );
    }

    fn validity() -> impl Strategy<Value = Validity> {
        (0..100_u64, 0..100_u64).prop_map(|(from, life)| Validity {
            from,
            until: from + life,
        })
    }

    proptest! {
        /// Whatever Secrets come, in whatever order: once a certificate holds, one that holds is in use as long as there is
        /// one, and the first one is always taken.
        #[test]
        fn no_secret_takes_a_certificate_that_holds_away(
            offers in proptest::collection::vec((validity(), 0..5_u64), 1..20)
        ) {
            let (mut now, mut in_force) = (0, None);
            for (offered, later) in offers {
                now += later;
                let held: bool = in_force.is_some_and(|v: Validity| v.holds(now));
                if replaces(in_force, offered, now) {
                    in_force = Some(offered);
                }
                prop_assert!(in_force.is_some());
                prop_assert!(!held || in_force.is_some_and(|v| v.holds(now)));
                prop_assert!(!offered.holds(now) || in_force == Some(offered));
            }
        }

        /// One that does not hold is never without an error.
        #[test]
        fn what_does_not_hold_is_said(in_force in validity(), now in 0..250_u64) {
            let findings = said(Some(in_force), &Ok(in_force), now);
            prop_assert_eq!(!in_force.holds(now), findings.iter().any(|(severity, _)| *severity == Severity::Error));
        }
    }
}
