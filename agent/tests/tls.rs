//! TLS for clients: a pod with a PostgreSQL of this machine, a Secret as the kubelet mounts it, and psql as the client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "tls/harness.rs"]
mod harness;
#[path = "http_get/mod.rs"]
mod http_get;
#[path = "programs/mod.rs"]
mod programs;
#[path = "tls/secret.rs"]
mod secret;

use harness::Pod;
use secret::{Authority, Secret};

#[test]
fn clients_verify_the_server_and_a_rotated_certificate_is_followed() {
    let authority = Authority::new();
    let Some(mut pod) = Pod::start(|secret| secret.hold(&authority.pair())) else {
        return;
    };
    pod.wait_until("clients are served", |pod| pod.verified_by(&authority).is_ok());
    // The line in hba.extra is a hostssl one.
    let refused = pod.unencrypted().unwrap_err();
    assert!(refused.contains("no encryption"), "{refused}");
    assert!(pod.verified_by(&Authority::new()).is_err());
    pod.wait_until("the certificate is shown", |pod| !pod.status()["tls"].is_null());
    let before = pod.status();
    assert_eq!(before["tls"]["notAfter"], 4_102_444_800_u64);
    let ends = http_get::metric(pod.port, "gp_agent_tls_not_after_seconds ");
    assert_eq!(ends, Some(4_102_444_800.0));
    pod.key_is_private();

    let next = Authority::new();
    pod.secret.hold(&next.pair());
    pod.wait_until("clients see the new certificate", |pod| pod.verified_by(&next).is_ok());
    assert!(pod.verified_by(&authority).is_err());
    pod.wait_until("the new certificate is shown", |pod| {
        pod.status()["tls"]["fingerprint"] != before["tls"]["fingerprint"]
    });
    let after = pod.status();
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(pod.tls_findings(), [""; 0]);
    assert_eq!(pod.end(), Some(0));
}

#[test]
fn a_bad_secret_takes_nothing_away() {
    let authority = Authority::new();
    let Some(mut pod) = Pod::start(|secret| secret.hold(&authority.pair())) else {
        return;
    };
    pod.wait_until("clients are served", |pod| pod.verified_by(&authority).is_ok());
    let other = authority.pair();
    let bad: [(&str, Secret); 4] = [
        (
            "tls.key is not the key of tls.crt",
            other.with_key_of(&authority.pair()),
        ),
        ("the certificate holds from 2000-01-01", authority.ended()),
        ("tls.crt is no certificate in PEM", other.with("tls.crt", "")),
        ("tls.key cannot be read", other.without("tls.key")),
    ];
    for (words, secret) in bad {
        pod.secret.hold(&secret);
        pod.wait_until(words, |pod| {
            pod.tls_findings().iter().any(|finding| finding.contains(words))
        });
        assert!(pod.tls_findings()[0].contains("the certificate of before stays in use"));
        assert!(pod.verified_by(&authority).is_ok());
    }
    // Whatever else is reloaded meanwhile, and a server that starts anew in the same pod.
    pod.kill_server();
    pod.wait_until("clients are served by the next server", |pod| {
        pod.verified_by(&authority).is_ok()
    });
    let next = Authority::new();
    pod.secret.hold(&next.pair());
    pod.wait_until("the mended Secret is followed", |pod| pod.verified_by(&next).is_ok());
    pod.wait_until("nothing is wrong", |pod| pod.tls_findings().is_empty());
    assert_eq!(pod.end(), Some(0));
}

#[test]
fn a_pod_that_starts_with_a_bad_secret_serves_without_tls_until_it_is_mended() {
    let authority = Authority::new();
    let Some(mut pod) = Pod::start(|secret| secret.hold(&authority.pair().without("tls.crt"))) else {
        return;
    };
    pod.wait_until("the pod is ready", |pod| pod.ready());
    pod.wait_until("it says what is wrong", |pod| {
        let findings = pod.tls_findings();
        findings
            .iter()
            .any(|finding| finding.contains("hostssl lines admit nobody"))
    });
    assert!(pod.verified_by(&authority).is_err());
    pod.secret.hold(&authority.pair());
    pod.wait_until("clients are served", |pod| pod.verified_by(&authority).is_ok());
    pod.wait_until("nothing is wrong", |pod| pod.tls_findings().is_empty());
    assert_eq!(pod.end(), Some(0));
}
