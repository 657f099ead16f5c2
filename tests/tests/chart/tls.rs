//! The certificate reaches those whom clients connect to.

use crate::objects::{list, object, of_kind, text};
use crate::{NEWEST, can_render};
use cluster_tests::helm;
use serde_json::{Value, json};

/// The StatefulSets whose pods mount a certificate, and the Secret's name.
fn mounted(values: &Value) -> Vec<(String, String)> {
    let objects = helm::render(&[], values, NEWEST).unwrap();
    let config = text(&object(&objects, "ConfigMap/greenplum-cluster")["data"]["cluster.yaml"]).to_string();
    let mut found = Vec::new();
    for set in of_kind(&objects, "StatefulSet") {
        let spec = &set["spec"]["template"]["spec"];
        let mounts = list(&spec["containers"][0]["volumeMounts"]);
        for mount in mounts.filter(|mount| mount["name"] == "tls") {
            // What the agent reads is what is mounted.
            assert!(
                config.contains(&format!("secret: {}", text(&mount["mountPath"]))),
                "{config}"
            );
            let volume = list(&spec["volumes"]).find(|volume| volume["name"] == "tls").unwrap();
            let name = text(&set["metadata"]["name"]).to_string();
            found.push((name, text(&volume["secret"]["secretName"]).to_string()));
        }
    }
    assert_eq!(found.is_empty(), !config.contains("tls:"), "{config}");
    found
}

#[test]
fn one_line_brings_a_certificate_to_every_server_that_clients_connect_to() {
    if !can_render() {
        return;
    }
    let named = |sets: &[&str], secret: &str| -> Vec<(String, String)> {
        sets.iter().map(|set| ((*set).into(), secret.into())).collect()
    };
    assert_eq!(mounted(&json!({})), []);
    let all = ["coordinator", "segment-a", "segment-b"];
    assert_eq!(mounted(&json!({ "tls": { "secret": "mine" } })), named(&all, "mine"));
    let greenplum = json!({ "tls": { "secret": "mine" }, "engine": "greenplum" });
    assert_eq!(mounted(&greenplum), named(&all[..1], "mine"));
    let managed = json!({ "tls": { "certManager": { "issuer": "ca" } } });
    assert_eq!(mounted(&managed), named(&all, "greenplum-tls"));
}

#[test]
fn cert_manager_is_asked_for_the_names_that_clients_use() {
    if !can_render() {
        return;
    }
    let certificate = |manager: Value| {
        let objects = helm::render(&[], &json!({ "tls": { "certManager": manager } }), NEWEST).unwrap();
        object(&objects, "Certificate/greenplum")["spec"].clone()
    };
    let spec = certificate(json!({ "issuer": "ca", "issuerKind": "ClusterIssuer" }));
    assert_eq!(spec["issuerRef"]["kind"], "ClusterIssuer");
    let names: Vec<&str> = list(&spec["dnsNames"]).map(text).collect();
    for name in [
        "greenplum",
        "greenplum.prod.svc",
        "greenplum.prod.svc.cluster.local",
        "*.agent.prod.svc",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let spec = certificate(json!({ "issuer": "public", "dnsNames": ["db.example.org"] }));
    assert_eq!(spec["dnsNames"], json!(["db.example.org"]));
}
