//! The Lease on a real API server, with the rights that the chart gives: what the pretended one does has to be true.

use super::lease::{holder, record};
use super::real::{Namespace, kubectl_json};
use gp_agent::internals::failover::{Authority, AuthorityError, WriteError};
use gp_agent::internals::kubernetes::{Kubernetes, LeaseAuthority};
use gp_agent_core::failover::record::{Seen, Version};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_real_server_keeps_the_lease_as_the_pretended_one() {
    // As in image/chart/templates/rbac.yaml.
    let rules = json!([
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"], "resourceNames": ["segment-a-0"] },
        {
            "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "verbs": ["get", "create", "update", "watch"], "resourceNames": ["warehouse-coordinator"],
        },
    ]);
    let Some(namespace) = Namespace::create("lease", &rules) else {
        eprintln!("SKIPPED: the Lease on a real API server: KUBECONFIG does not lead to a cluster");
        return;
    };
    let api = || Arc::new(Kubernetes::new(namespace.place()));
    let (ours, theirs) = (
        LeaseAuthority::new(api(), "warehouse-coordinator", "uid-1"),
        LeaseAuthority::new(api(), "warehouse-coordinator", "uid-2"),
    );
    writes(&namespace, &ours, &theirs).await;
    watches(&ours, &theirs).await;
    refuses(&namespace).await;
}

async fn writes(namespace: &Namespace, ours: &LeaseAuthority, theirs: &LeaseAuthority) {
    let us = holder("segment-a-0", "uid-1");
    assert_eq!(ours.read(WITHIN).await.unwrap().0, Seen::Absent);
    let gone = ours
        .write(record(1, 1, Some(&us)), Some(Version("7".into())), WITHIN)
        .await;
    assert_eq!(gone, Err(WriteError::Conflict));
    let first = ours.write(record(1, 1, Some(&us)), None, WITHIN).await.unwrap();
    let again = theirs.write(record(1, 1, Some(&us)), None, WITHIN).await;
    assert_eq!(again, Err(WriteError::Conflict), "it is there");
    let lease = [
        "get",
        "lease",
        "warehouse-coordinator",
        "-n",
        &namespace.name,
        "-o",
        "json",
    ];
    let spec = kubectl_json(&lease, "")["spec"].clone();
    assert_eq!(spec["holderIdentity"], "segment-a-0/uid-1");
    assert_eq!(
        theirs.read(WITHIN).await.unwrap(),
        (Seen::Record(record(1, 1, Some(&us))), first.clone())
    );
    let second = ours
        .write(record(2, 1, Some(&us)), Some(first.clone()), WITHIN)
        .await
        .unwrap();
    let stale = theirs.write(record(2, 2, None), Some(first), WITHIN).await;
    assert_eq!(stale, Err(WriteError::Conflict));
    assert_eq!(theirs.read(WITHIN).await.unwrap().1, second);
    let third = theirs.write(record(3, 1, None), Some(second), WITHIN).await.unwrap();
    let spec = kubectl_json(&lease, "")["spec"].clone();
    assert!(spec.get("holderIdentity").is_none(), "{spec}");
    super::real::kubectl(&["delete", "lease", "warehouse-coordinator", "-n", &namespace.name], "");
    let gone = theirs.write(record(4, 1, None), Some(third), WITHIN).await;
    assert_eq!(gone, Err(WriteError::Conflict));
    assert_eq!(ours.read(WITHIN).await.unwrap().0, Seen::Absent);
    ours.write(record(4, 1, Some(&us)), None, WITHIN).await.unwrap();
}

async fn watches(ours: &LeaseAuthority, theirs: &LeaseAuthority) {
    let us = holder("segment-a-0", "uid-1");
    timeout(WITHIN, theirs.changed()).await.unwrap();
    let (_, version) = theirs.read(WITHIN).await.unwrap();
    let (_, same) = ours.read(WITHIN).await.unwrap();
    assert_eq!(version, same);
    ours.write(record(5, 1, Some(&us)), Some(version), WITHIN)
        .await
        .unwrap();
    timeout(WITHIN, theirs.changed()).await.unwrap();
    assert_eq!(theirs.proof_of_death(&us, WITHIN).await, Ok(false));
}

/// Every other name is refused, also to be made.
async fn refuses(namespace: &Namespace) {
    let other = LeaseAuthority::new(
        Arc::new(Kubernetes::new(namespace.place())),
        "other-coordinator",
        "uid-1",
    );
    let read = other.read(WITHIN).await;
    assert!(matches!(read, Err(AuthorityError::Unusable(_))), "{read:?}");
    let place = namespace.place();
    for (method, path) in [
        ("POST", ""),
        ("PUT", "/other-coordinator"),
        ("GET", ""),
        ("GET", "?watch=true&timeoutSeconds=1"),
    ] {
        let answer = raw(&place, method, path).await;
        assert_eq!(answer, 403, "{method} {path}");
    }
}

/// The code of a bare request with the pod's token, by curl.
async fn raw(place: &gp_agent::internals::kubernetes::InClusterConfig, method: &str, path: &str) -> u16 {
    let token = std::fs::read_to_string(place.directory.join("token")).unwrap();
    let url = format!(
        "{}/apis/coordination.k8s.io/v1/namespaces/{}/leases{path}",
        place.server, place.namespace
    );
    let body =
        json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "other-coordinator" } });
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "--cacert"]);
    curl.arg(place.directory.join("ca.crt"));
    curl.args([
        "-H",
        &format!("Authorization: Bearer {token}"),
        "-H",
        "Content-Type: application/json",
    ]);
    if method != "GET" {
        curl.args(["-d", &body.to_string()]);
    }
    let output = curl.arg(url).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().parse().unwrap()
}
