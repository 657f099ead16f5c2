//! TLS for clients: a pod with a PostgreSQL of this machine, a Secret as the kubelet mounts it, and psql as the client.

mod client;
mod secret;

use crate::http_get::get;
use crate::promtool;
use client::{begin, findings, key_is_private, unencrypted, verifies};
use secret::{Authority, Secret};

#[test]
fn clients_verify_the_server_and_a_rotated_certificate_is_followed() {
    let authority = Authority::new();
    let Some((mut pod, mut secret)) = begin(|secret| secret.hold(&authority.pair())) else {
        return;
    };
    pod.wait_until("clients are served", |pod| verifies(pod, &authority).is_ok());
    // The line in hba.extra is a hostssl one.
    let refused = unencrypted(&pod).unwrap_err();
    assert!(refused.contains("no encryption"), "{refused}");
    assert!(verifies(&pod, &Authority::new()).is_err());
    let before = pod.wait_for_status("the certificate is shown", |status| !status["tls"].is_null());
    assert_eq!(before["tls"]["notAfter"], 4_102_444_800_u64);
    let ends = pod.metric("gp_agent_tls_not_after_seconds ");
    assert_eq!(ends, Some(4_102_444_800.0));
    if promtool::is_there() {
        promtool::finds_nothing_wrong(&get(pod.place.port, "/metrics").unwrap().1);
    }
    key_is_private(&pod);

    let next = Authority::new();
    secret.hold(&next.pair());
    pod.wait_until("clients see the new certificate", |pod| verifies(pod, &next).is_ok());
    assert!(verifies(&pod, &authority).is_err());
    let after = pod.wait_for_status("the new certificate is shown", |status| {
        status["tls"]["fingerprint"] != before["tls"]["fingerprint"]
    });
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(findings(&pod), [""; 0]);
    assert_eq!(pod.end(), Some(0));
}

#[test]
fn a_bad_secret_takes_nothing_away() {
    let authority = Authority::new();
    let Some((mut pod, mut secret)) = begin(|secret| secret.hold(&authority.pair())) else {
        return;
    };
    pod.wait_until("clients are served", |pod| verifies(pod, &authority).is_ok());
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
    for (words, bad) in bad {
        secret.hold(&bad);
        pod.wait_until(words, |pod| findings(pod).iter().any(|finding| finding.contains(words)));
        assert!(findings(&pod)[0].contains("the previous certificate stays in use"));
        assert!(verifies(&pod, &authority).is_ok());
    }
    // Whatever else is reloaded meanwhile, and a server that starts anew in the same pod.
    pod.kill_server();
    pod.wait_until("clients are served by the next server", |pod| {
        verifies(pod, &authority).is_ok()
    });
    let next = Authority::new();
    secret.hold(&next.pair());
    pod.wait_until("the mended Secret is followed", |pod| verifies(pod, &next).is_ok());
    pod.wait_until("nothing is wrong", |pod| findings(pod).is_empty());
    assert_eq!(pod.end(), Some(0));
}

#[test]
fn a_pod_that_starts_with_a_bad_secret_serves_without_tls_until_it_is_mended() {
    let authority = Authority::new();
    let Some((mut pod, mut secret)) = begin(|secret| secret.hold(&authority.pair().without("tls.crt"))) else {
        return;
    };
    pod.wait_until_ready();
    pod.wait_until("it says what is wrong", |pod| {
        let findings = findings(pod);
        findings
            .iter()
            .any(|finding| finding.contains("hostssl lines admit nobody"))
    });
    assert!(verifies(&pod, &authority).is_err());
    secret.hold(&authority.pair());
    pod.wait_until("clients are served", |pod| verifies(pod, &authority).is_ok());
    pod.wait_until("nothing is wrong", |pod| findings(pod).is_empty());
    assert_eq!(pod.end(), Some(0));
}
