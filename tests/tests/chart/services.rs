//! Services select the pods that they are for, and reach ports that are there.

use crate::objects::{list, object, of_kind, pods, selects, text};
use crate::{OLDEST, can_render, cases};
use cluster_tests::helm;
use serde_json::{Value, json};

/// The labels of a StatefulSet's pods, and the one that the agent adds.
fn labels(objects: &[Value], set: &str, role: &str) -> Value {
    let mut labels = object(objects, set)["spec"]["template"]["metadata"]["labels"].clone();
    labels["greenplum.io/role"] = role.into();
    labels
}

fn selected(service: &Value, labels: &Value) -> bool {
    selects(&json!({ "matchLabels": service["spec"]["selector"] }), labels)
}

#[test]
fn the_headless_service_names_every_pod_before_it_is_ready() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let headless = of_kind(objects, "Service").find(|s| s["spec"]["clusterIP"] == "None");
        let headless = headless.unwrap_or_else(|| panic!("{name}: no headless service"));
        assert_eq!(headless["spec"]["publishNotReadyAddresses"], true, "{name}");
        assert!(
            list(&headless["spec"]["ports"]).all(|port| port["name"].is_string()),
            "{name}"
        );
        for set in of_kind(objects, "StatefulSet") {
            assert_eq!(set["spec"]["serviceName"], headless["metadata"]["name"], "{name}");
            assert!(
                selected(headless, &set["spec"]["template"]["metadata"]["labels"]),
                "{name}"
            );
            assert_eq!(set["spec"]["podManagementPolicy"], "Parallel", "{name}");
        }
        for (title, pod) in pods(objects).iter().filter(|(title, _)| title.starts_with("Pod/")) {
            assert!(
                !selected(headless, &pod["metadata"]["labels"]),
                "{name}: {title} has a name"
            );
        }
    }
}

#[test]
fn clients_reach_the_pod_that_says_it_is_the_coordinator() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(OLDEST);
    let service = object(&objects, "Service/greenplum");
    assert_eq!(service["spec"]["type"], "ClusterIP");
    let coordinator = |role| selected(service, &labels(&objects, "StatefulSet/coordinator", role));
    assert!(coordinator("coordinator") && !coordinator("standby"));
    // Whatever a segment's agent calls its pod.
    for role in ["primary", "coordinator"] {
        let segment = labels(&objects, "StatefulSet/segment-a", role);
        assert!(!selected(service, &segment), "{role}");
    }
    let readiness = |objects: &[Value]| {
        let set = object(objects, "StatefulSet/coordinator");
        set["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"].clone()
    };
    assert_eq!(readiness(&objects), "/readyz");
}

#[test]
fn without_labels_readiness_tells_the_coordinator_from_the_standby() {
    if !can_render() {
        return;
    }
    let cases = cases::all();
    let case = cases.iter().find(|case| case.name == "without role labels").unwrap();
    let objects = case.render(OLDEST);
    let service = object(&objects, "Service/greenplum");
    assert!(selected(service, &labels(&objects, "StatefulSet/coordinator", "")));
    assert!(!selected(service, &labels(&objects, "StatefulSet/segment-a", "")));
    let set = object(&objects, "StatefulSet/coordinator");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/coordinator");
    // A standby that is never ready would hold up an update, and every drain.
    assert_eq!(set["spec"]["updateStrategy"]["type"], "OnDelete");
    let standby = labels(&objects, "StatefulSet/coordinator", "");
    let mut budgets = of_kind(&objects, "PodDisruptionBudget");
    assert!(!budgets.any(|budget| selects(&budget["spec"]["selector"], &standby)));
    let alone = cases
        .iter()
        .find(|c| c.name == "without role labels and standby")
        .unwrap();
    let set = object(&alone.render(OLDEST), "StatefulSet/coordinator").clone();
    assert_eq!(set["spec"]["updateStrategy"]["type"], "RollingUpdate");
}

#[test]
fn what_reaches_in_from_outside_keeps_the_clients_addresses() {
    if !can_render() {
        return;
    }
    let service = |service: Value| {
        let objects = helm::render(&[], &json!({ "service": service }), OLDEST).unwrap();
        object(&objects, "Service/greenplum")["spec"].clone()
    };
    let inside = service(json!({}));
    assert!(inside["externalTrafficPolicy"].is_null() && inside["loadBalancerSourceRanges"].is_null());
    let ranges = json!(["192.0.2.0/24"]);
    let outside = service(json!({ "type": "LoadBalancer", "sourceRanges": ranges }));
    assert_eq!(outside["loadBalancerSourceRanges"], ranges);
    assert_eq!(outside["externalTrafficPolicy"], "Local");
    // With Cluster every client would have a node's address, which the private networks of hba.extra admit.
    assert_eq!(service(json!({ "type": "NodePort" }))["externalTrafficPolicy"], "Local");
    let on_any_node = json!({ "type": "NodePort", "externalTrafficPolicy": "Cluster" });
    assert_eq!(service(on_any_node)["externalTrafficPolicy"], "Cluster");
    let asked_for = json!({ "type": "LoadBalancer", "sourceRanges": ranges, "externalTrafficPolicy": "Cluster" });
    assert_eq!(service(asked_for)["externalTrafficPolicy"], "Cluster");
}

/// A primary that is replaced alone may hand over to its mirror, and waits for gprecoverseg then.
#[test]
fn greenplum_is_not_updated_pod_by_pod() {
    if !can_render() {
        return;
    }
    let strategies = |values: Value| -> Vec<String> {
        let objects = helm::render(&[], &values, OLDEST).unwrap();
        of_kind(&objects, "StatefulSet")
            .map(|set| text(&set["spec"]["updateStrategy"]["type"]).to_string())
            .collect()
    };
    assert_eq!(strategies(json!({})), ["RollingUpdate"; 3]);
    let greenplum = json!({ "engine": "greenplum" });
    assert_eq!(strategies(greenplum), ["OnDelete"; 3]);
    let asked_for = json!({ "engine": "greenplum", "updateStrategy": "RollingUpdate" });
    assert_eq!(strategies(asked_for), ["RollingUpdate"; 3]);
}

#[test]
fn named_ports_exist_in_the_pods() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for service in of_kind(objects, "Service") {
            for set in of_kind(objects, "StatefulSet") {
                let template = &set["spec"]["template"];
                let component = "app.kubernetes.io/component";
                let wanted = &service["spec"]["selector"][component];
                if !wanted.is_null() && template["metadata"]["labels"][component] != *wanted {
                    continue;
                }
                let ports = &template["spec"]["containers"][0]["ports"];
                for port in list(&service["spec"]["ports"]) {
                    let target = text(&port["targetPort"]);
                    assert!(list(ports).any(|p| p["name"] == target), "{name}: {target}");
                }
            }
        }
    }
}

#[test]
fn network_policies_admit_the_cluster_its_clients_and_nobody_else() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(OLDEST);
    let policy = object(&objects, "NetworkPolicy/gp-agent");
    let own = &policy["spec"]["ingress"][0]["from"][0]["podSelector"];
    for set in of_kind(&objects, "StatefulSet") {
        let labels = &set["spec"]["template"]["metadata"]["labels"];
        assert!(selects(&policy["spec"]["podSelector"], labels) && selects(own, labels));
    }
    let clients = object(&objects, "NetworkPolicy/greenplum-clients");
    let admitted = |role| selects(&clients["spec"]["podSelector"], &labels(&objects, role, ""));
    assert!(admitted("StatefulSet/coordinator") && !admitted("StatefulSet/segment-a"));
    assert_eq!(
        clients["spec"]["ingress"],
        json!([{ "ports": [{ "port": "db", "protocol": "TCP" }] }])
    );
}

#[test]
fn clients_that_are_named_do_not_shut_out_the_pod_of_helm_test() {
    if !can_render() {
        return;
    }
    let named = json!({ "ipBlock": { "cidr": "192.0.2.0/24" } });
    let objects = helm::render(&[], &json!({ "networkPolicy": { "clients": [named] } }), OLDEST).unwrap();
    let policy = object(&objects, "NetworkPolicy/greenplum-clients");
    let from = list(&policy["spec"]["ingress"][0]["from"]).collect::<Vec<_>>();
    let [first, test] = from[..] else {
        panic!("{from:?}");
    };
    assert_eq!(*first, named);
    // In this namespace alone.
    assert_eq!(test.as_object().unwrap().len(), 1);
    for (title, pod) in pods(&objects) {
        let admitted = selects(&test["podSelector"], &pod["metadata"]["labels"]);
        assert_eq!(admitted, title == "Pod/test-sql", "{title}");
    }
    let mut other = object(&objects, "Pod/test-sql")["metadata"]["labels"].clone();
    other["app.kubernetes.io/instance"] = "other".into();
    assert!(!selects(&test["podSelector"], &other));
}
