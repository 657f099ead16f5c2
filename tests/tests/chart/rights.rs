//! The rights of the pods are the least that they need.

use crate::objects::{list, object, of_kind, text};
use crate::{NEWEST, OLDEST, can_render, cases};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The account of a StatefulSet's pods, if they get its token.
fn account<'a>(objects: &'a [Value], set: &str) -> Option<&'a str> {
    let spec = &object(objects, set)["spec"]["template"]["spec"];
    let mounted = spec["automountServiceAccountToken"].as_bool().unwrap();
    mounted.then(|| text(&spec["serviceAccountName"]))
}

/// The rules that an account gets by the release's bindings.
fn rules<'a>(objects: &'a [Value], account: &str) -> Vec<&'a Value> {
    let bound = |binding: &&Value| binding["subjects"][0]["name"] == account;
    let bindings = of_kind(objects, "RoleBinding").filter(bound);
    let roles = bindings.map(|binding| {
        assert_eq!(binding["subjects"][0]["namespace"], "prod");
        object(objects, &format!("Role/{}", text(&binding["roleRef"]["name"])))
    });
    roles.flat_map(|role| list(&role["rules"])).collect()
}

/// The pods that the rules let somebody change.
fn patched(rules: &[&Value]) -> BTreeSet<String> {
    let on_pods = rules.iter().filter(|rule| rule["resources"] == json!(["pods"]));
    let named = on_pods.flat_map(|rule| {
        assert_eq!(rule["verbs"], json!(["get", "patch"]));
        assert!(rule["resourceNames"].is_array(), "all pods of the namespace");
        list(&rule["resourceNames"])
    });
    named.map(|name| text(name).to_string()).collect()
}

fn pods_of(objects: &[Value], sets: &[&str]) -> BTreeSet<String> {
    let sets = of_kind(objects, "StatefulSet").filter(|set| {
        let component = text(&set["metadata"]["labels"]["app.kubernetes.io/component"]);
        sets.contains(&component)
    });
    let pods = sets.flat_map(|set| {
        let (name, replicas) = (text(&set["metadata"]["name"]), &set["spec"]["replicas"]);
        (0..replicas.as_u64().unwrap()).map(move |i| format!("{name}-{i}"))
    });
    pods.collect()
}

fn set_of(objects: &[Value], component: &str) -> String {
    let mut sets = of_kind(objects, "StatefulSet");
    let set = sets.find(|set| set["metadata"]["labels"]["app.kubernetes.io/component"] == component);
    format!("StatefulSet/{}", text(&set.unwrap()["metadata"]["name"]))
}

const SEGMENTS: [&str; 2] = ["segment-a", "segment-b"];

#[test]
fn coordinators_may_label_each_other_and_nobody_else() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let Some(account) = account(objects, &set_of(objects, "coordinator")) else {
            assert!(name.starts_with("without role labels"), "{name}");
            assert_eq!(of_kind(objects, "Role").count(), 0, "{name}");
            continue;
        };
        let rules = rules(objects, account);
        assert_eq!(patched(&rules), pods_of(objects, &["coordinator"]), "{name}");
        let events = json!({ "apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"] });
        let leases = json!({
            "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "verbs": ["get", "create", "update", "watch"], "resourceNames": [lease_of(objects)],
        });
        // Only one of two can be lost.
        let two = pods_of(objects, &["coordinator"]).len() == 2;
        let expected = [&events, &leases];
        assert_eq!(rules[1..], expected[..if two { 2 } else { 1 }], "{name}");
        let made = of_kind(objects, "Lease").map(|lease| text(&lease["metadata"]["name"]));
        assert_eq!(
            made.collect::<Vec<_>>(),
            two.then(|| lease_of(objects)).as_slice(),
            "{name}"
        );
    }
}

/// By this the agents know that failover has a place, with a standby: never without the token and the right to write it. A
/// coordinator without a standby is told as well, so that one that comes later finds it ready; its own cluster.yaml says that there
/// is none.
#[test]
fn the_coordinators_alone_learn_of_the_lease() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let made = of_kind(objects, "Lease").map(|lease| lease["metadata"]["name"].clone());
        let made: Vec<Value> = made.collect();
        for set in of_kind(objects, "StatefulSet") {
            let pod = &set["spec"]["template"]["spec"];
            let env = list(&pod["containers"][0]["env"]).find(|env| env["name"] == "COORDINATOR_LEASE");
            let told: Vec<Value> = env.map(|env| env["value"].clone()).into_iter().collect();
            let is_coordinator = set["metadata"]["labels"]["app.kubernetes.io/component"] == "coordinator";
            let token = pod["automountServiceAccountToken"] == true;
            assert_eq!(told.len(), usize::from(is_coordinator && token), "{name}");
            assert!(made.is_empty() || !is_coordinator || told == made, "{name}");
        }
    }
}

/// The Lease that the agents use: by the cluster's name in their configuration.
fn lease_of(objects: &[Value]) -> String {
    let mut maps = of_kind(objects, "ConfigMap");
    let config = maps.find_map(|map| map["data"]["cluster.yaml"].as_str()).unwrap();
    let cluster = config.lines().find_map(|line| line.strip_prefix("cluster: ")).unwrap();
    format!("{}-coordinator", cluster.trim_matches('"'))
}

#[test]
fn nobody_but_the_coordinators_may_touch_the_lease() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let others = SEGMENTS.iter().filter(|set| !pods_of(objects, &[set]).is_empty());
        for account in others.filter_map(|set| account(objects, &set_of(objects, set))) {
            let rules = rules(objects, account);
            let leases = rules.iter().filter(|rule| rule["resources"] == json!(["leases"]));
            assert_eq!(leases.count(), 0, "{name}");
        }
    }
}

/// RBAC cannot say "its own pod": only where the admission policy says it may segments label pods at all, unless asked for.
#[test]
fn segments_may_label_no_pod_but_their_own() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let held_to_own = of_kind(objects, "ValidatingAdmissionPolicy").next().is_some();
        let asked_for = name.starts_with("everything");
        for set in SEGMENTS.iter().filter(|set| !pods_of(objects, &[set]).is_empty()) {
            let set = set_of(objects, set);
            let Some(account) = account(objects, &set) else {
                let own = name.starts_with("without role labels") || name.starts_with("with what others made");
                assert!(own, "{name}");
                continue;
            };
            assert_ne!(
                Some(account),
                self::account(objects, &set_of(objects, "coordinator")),
                "{name}"
            );
            let labels = held_to_own || asked_for;
            let pods = if labels {
                pods_of(objects, &SEGMENTS)
            } else {
                BTreeSet::new()
            };
            assert_eq!(patched(&rules(objects, account)), pods, "{name}");
            // An agent that may not says so in a finding; this one is told not to try.
            let env = &object(objects, &set)["spec"]["template"]["spec"]["containers"][0]["env"];
            let off = list(env).any(|e| e["name"] == "GP_AGENT_KUBERNETES_LABELS" && e["value"] == "off");
            assert_eq!(off, !labels, "{name}");
        }
    }
}

#[test]
fn where_kubernetes_knows_it_a_policy_holds_the_accounts_to_the_label() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(NEWEST);
    let policy = object(&objects, "ValidatingAdmissionPolicy/gp-agent.prod");
    let spec = &policy["spec"];
    assert_eq!(spec["failurePolicy"], "Fail");
    let rule = &spec["matchConstraints"]["resourceRules"][0];
    assert_eq!(
        (&rule["resources"], &rule["operations"]),
        (&json!(["pods"]), &json!(["UPDATE"]))
    );
    let condition = text(&spec["matchConditions"][0]["expression"]);
    for set in of_kind(&objects, "StatefulSet") {
        let account = text(&set["spec"]["template"]["spec"]["serviceAccountName"]);
        assert!(
            condition.contains(&format!("'system:serviceaccount:prod:{account}'")),
            "{condition}"
        );
    }
    let binding = object(&objects, "ValidatingAdmissionPolicyBinding/gp-agent.prod");
    assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
    assert_eq!(binding["spec"]["validationActions"], json!(["Deny"]));
    for version in [OLDEST, "1.29.9"] {
        let older = cases::default().render(version);
        assert_eq!(of_kind(&older, "ValidatingAdmissionPolicy").count(), 0, "{version}");
    }
}

#[test]
fn every_pod_learns_which_object_of_the_api_it_is() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(OLDEST);
    for set in of_kind(&objects, "StatefulSet") {
        let container = &set["spec"]["template"]["spec"]["containers"][0];
        let field = |variable: &str| {
            let found = list(&container["env"]).find(|env| env["name"] == variable).unwrap();
            found["valueFrom"]["fieldRef"]["fieldPath"].clone()
        };
        assert_eq!(field("POD_NAME"), "metadata.name");
        assert_eq!(field("POD_NAMESPACE"), "metadata.namespace");
        assert_eq!(field("POD_UID"), "metadata.uid");
    }
}
