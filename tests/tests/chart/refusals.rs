//! Values that the schema refuses, in words that name the value.

use crate::objects::pods;
use crate::{NEWEST, can_render};
use cluster_tests::helm;
use serde_json::{Value, json};

fn refusal(values: &Value) -> String {
    match helm::render(&[], values, NEWEST) {
        Ok(_) => panic!("{values} is not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn wrong_values_are_refused_by_name() {
    if !can_render() {
        return;
    }
    let wrong = [
        (json!({ "segmets": { "count": 2 } }), "segmets"),
        (json!({ "segments": { "count": 0 } }), "/segments/count"),
        (json!({ "segments": { "count": "two" } }), "/segments/count"),
        (json!({ "segments": { "cuont": 2 } }), "cuont"),
        (json!({ "engine": "mysql" }), "/engine"),
        (json!({ "cluster": "Ware House" }), "/cluster"),
        (json!({ "namePrefix": "-x" }), "/namePrefix"),
        (json!({ "image": { "pullPolicy": "Sometimes" } }), "/image/pullPolicy"),
        (json!({ "image": { "pullSecrets": [""] } }), "/image/pullSecrets/0"),
        (
            json!({ "image": { "pullSecrets": ["ghcr_io"] } }),
            "/image/pullSecrets/0",
        ),
        (json!({ "coordinator": { "port": 0 } }), "/coordinator/port"),
        (json!({ "coordinator": { "standby": "yes" } }), "/coordinator/standby"),
        (
            json!({ "primaries": { "storage": { "size": "ten" } } }),
            "/primaries/storage/size",
        ),
        (json!({ "mirrors": { "storage": { "class": "fast" } } }), "class"),
        (json!({ "storage": { "require": "tmpfs" } }), "/storage/require"),
        (json!({ "hba": { "auth": "md5" } }), "/hba/auth"),
        (
            json!({ "hba": { "extra": ["host all all all trust\nlocal all all trust"] } }),
            "/hba/extra/0",
        ),
        (
            json!({ "parameters": { "max_connections": 100 } }),
            "/parameters/max_connections",
        ),
        (json!({ "shutdown": { "graceSeconds": 1 } }), "/shutdown/graceSeconds"),
        (json!({ "service": { "type": "ExternalName" } }), "/service/type"),
        (
            json!({ "service": { "sourceRanges": ["10.0.0.0"] } }),
            "/service/sourceRanges/0",
        ),
        (
            json!({ "antiAffinity": { "segments": "always" } }),
            "/antiAffinity/segments",
        ),
        (json!({ "user": { "uid": 0 } }), "/user/uid"),
        (json!({ "probes": { "liveness": { "httpGet": {} } } }), "httpGet"),
        (
            json!({ "podDisruptionBudget": { "maxUnavailable": 0 } }),
            "/podDisruptionBudget/maxUnavailable",
        ),
        (json!({ "roleLabels": "false" }), "/roleLabels"),
        (json!({ "segmentLabels": true }), "/segmentLabels"),
        (json!({ "admissionPolicy": "always" }), "/admissionPolicy"),
        (json!({ "tls": { "secret": "A_B" } }), "/tls/secret"),
        (json!({ "monitoring": { "rules": true } }), "/monitoring/rules"),
        (
            json!({ "monitoring": { "podMonitor": { "interval": "soon" } } }),
            "/monitoring/podMonitor/interval",
        ),
        (json!({ "tls": { "existingSecret": "a" } }), "existingSecret"),
        (
            json!({ "tls": { "certManager": { "issuerKind": "Anybody" } } }),
            "/tls/certManager/issuerKind",
        ),
        // Nobody opens a database to everybody by leaving something out.
        (json!({ "service": { "type": "LoadBalancer" } }), "service.sourceRanges"),
    ];
    for (values, named) in wrong {
        let words = refusal(&values);
        assert!(words.contains(named), "{values}: {words}");
    }
}

#[test]
fn no_secrets_are_generated_where_there_is_no_cluster_to_look_into() {
    if !can_render() {
        return;
    }
    let chart = helm::chart().display().to_string();
    let template = |sets: &[&str]| {
        let mut args = vec!["template", "warehouse", &chart, "--kube-version", NEWEST];
        args.extend(sets.iter().flat_map(|set| ["--set", set]));
        helm::helm(&args)
    };
    let keys = "ssh.existingSecret=keys";
    for sets in [&[][..], &[keys], &["hba.auth=trust"]] {
        let error = template(sets).unwrap_err().to_string();
        assert!(
            error.contains("ssh.existingSecret and password.existingSecret"),
            "{sets:?}: {error}"
        );
    }
    for sets in [&[keys, "password.existingSecret=words"], &[keys, "hba.auth=trust"]] {
        let text = template(sets).unwrap();
        assert!(!text.contains("kind: Secret\n"), "{text}");
    }
}

#[test]
fn a_secret_may_have_the_name_of_a_registry() {
    if !can_render() {
        return;
    }
    let objects = helm::render(&[], &json!({ "image": { "pullSecrets": ["ghcr.io"] } }), NEWEST).unwrap();
    for (title, pod) in pods(&objects) {
        let secrets = &pod["spec"]["imagePullSecrets"];
        assert_eq!(*secrets, json!([{ "name": "ghcr.io" }]), "{title}");
    }
}

/// Helm takes names of releases that no agent takes for its cluster.
#[test]
fn a_name_with_a_dot_is_no_name_of_a_cluster() {
    if !can_render() {
        return;
    }
    let chart = helm::chart().display().to_string();
    let template = ["template", "gp.prod", &chart, "--set", "generateSecrets=always"];
    let error = helm::helm(&template).unwrap_err().to_string();
    assert!(error.contains("set cluster, such as cluster=gp-prod"), "{error}");
    helm::helm(&[&template[..], &["--set", "cluster=gp-prod"]].concat()).unwrap();
}

#[test]
fn lint_has_nothing_to_say() {
    if !can_render() {
        return;
    }
    let chart = helm::chart().display().to_string();
    helm::helm(&["lint", &chart]).unwrap();
}
