//! Every object has the types and fields of the Kubernetes API, in its oldest and its newest version here.

use crate::monitoring::types::{PodMonitor, PrometheusRule};
use crate::objects::{of_kind, text, title};
use crate::{NEWEST, OLDEST, can_render, cases};
use serde::de::DeserializeOwned;
use serde_json::Value;

type Check = fn(&Value) -> Vec<String>;

/// What does not fit the type: an error, or fields that it does not know.
fn wrong<T: DeserializeOwned>(object: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    match serde_ignored::deserialize::<_, _, T>(object, |path| {
        // Steps through an Option.
        unknown.push(path.to_string().replace(".?", ""));
    }) {
        Ok(_) => unknown,
        Err(error) => vec![error.to_string()],
    }
}

/// The types of one version.
macro_rules! types {
    ($name:ident, $api:ident, $policy:ident, $budget:literal $(, $admission:ident)?) => {
        fn $name(version: &str, kind: &str) -> Option<Check> {
            use $api::api::{apps, coordination, core, networking, policy, rbac};
            Some(match (version, kind) {
                ("v1", "ConfigMap") => wrong::<core::v1::ConfigMap>,
                ("v1", "Secret") => wrong::<core::v1::Secret>,
                ("v1", "Service") => wrong::<core::v1::Service>,
                ("v1", "ServiceAccount") => wrong::<core::v1::ServiceAccount>,
                ("v1", "Pod") => wrong::<core::v1::Pod>,
                ("apps/v1", "StatefulSet") => wrong::<apps::v1::StatefulSet>,
                ("coordination.k8s.io/v1", "Lease") => wrong::<coordination::v1::Lease>,
                ("networking.k8s.io/v1", "NetworkPolicy") => wrong::<networking::v1::NetworkPolicy>,
                ("rbac.authorization.k8s.io/v1", "Role") => wrong::<rbac::v1::Role>,
                ("rbac.authorization.k8s.io/v1", "RoleBinding") => wrong::<rbac::v1::RoleBinding>,
                ($budget, "PodDisruptionBudget") => wrong::<policy::$policy::PodDisruptionBudget>,
                ("cert-manager.io/v1", "Certificate") => wrong::<Certificate>,
                ("monitoring.coreos.com/v1", "PodMonitor") => wrong::<PodMonitor>,
                ("monitoring.coreos.com/v1", "PrometheusRule") => wrong::<PrometheusRule>,
                $(
                    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy") => {
                        wrong::<$api::api::$admission::v1::ValidatingAdmissionPolicy>
                    }
                    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding") => {
                        wrong::<$api::api::$admission::v1::ValidatingAdmissionPolicyBinding>
                    }
                )?
                _ => return None,
            })
        }
    };
}

types!(oldest, k8s_openapi_1_20, v1beta1, "policy/v1beta1");
types!(newest, k8s_openapi_latest, v1, "policy/v1", admissionregistration);

/// cert-manager's, as far as the chart uses it (cert-manager.io, API reference of version 1).
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Certificate {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: k8s_openapi_latest::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    spec: CertificateSpec,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct CertificateSpec {
    secret_name: String,
    issuer_ref: Issuer,
    dns_names: Vec<String>,
    usages: Vec<String>,
    private_key: PrivateKey,
}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Issuer {
    group: String,
    kind: String,
    name: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct PrivateKey {
    algorithm: String,
    size: u32,
    rotation_policy: String,
}

fn check(objects: &[Value], types: fn(&str, &str) -> Option<Check>) -> Vec<String> {
    let problems = objects.iter().flat_map(|object| {
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let found = match types(version, kind) {
            Some(check) => check(object),
            None => vec![format!("this Kubernetes has no {kind} in {version}")],
        };
        found.into_iter().map(|what| format!("{}: {what}", title(object)))
    });
    problems.collect()
}

#[test]
fn every_object_is_one_of_the_kubernetes_api() {
    if !can_render() {
        return;
    }
    for case in cases::all() {
        let (old, new) = (case.render(OLDEST), case.render(NEWEST));
        assert_eq!(check(&old, oldest), [""; 0], "{} on {OLDEST}", case.name);
        assert_eq!(check(&new, newest), [""; 0], "{} on {NEWEST}", case.name);
    }
}

#[test]
fn the_check_finds_wrong_fields_versions_and_types() {
    if !can_render() {
        return;
    }
    let mut objects = cases::default().render(OLDEST);
    let set = objects.iter_mut().find(|o| o["kind"] == "StatefulSet").unwrap();
    set["spec"]["template"]["spec"]["terminationGracePeriod"] = 5.into();
    assert_eq!(
        check(&objects, oldest),
        ["StatefulSet/coordinator: spec.template.spec.terminationGracePeriod"]
    );
    assert!(
        check(&objects, newest)
            .iter()
            .any(|p| p.contains("PodDisruptionBudget"))
    );
    objects.retain(|o| o["kind"] == "Service");
    objects[0]["spec"]["ports"][0]["port"] = "many".into();
    assert!(check(&objects, oldest)[0].contains("invalid type"));
}

/// Server-side apply of old Kubernetes, which Helm 4 uses, knows no default for this part of a list's key.
#[test]
fn every_port_names_its_protocol() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let services = of_kind(objects, "Service").filter_map(|s| s["spec"]["ports"].as_array());
        let containers = of_kind(objects, "StatefulSet")
            .filter_map(|s| s["spec"]["template"]["spec"]["containers"].as_array())
            .flatten()
            .map(|container| container["ports"].as_array().unwrap());
        for port in services.chain(containers).flatten() {
            assert_eq!(port["protocol"], "TCP", "{name}: {port}");
        }
    }
}
