//! The rights of the pods are the least that they need.

use crate::objects::{list, object, of_kind, text};
use crate::{OLDEST, can_render, cases};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn pods_may_touch_themselves_and_write_events() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let Some(role) = of_kind(objects, "Role").next() else {
            assert!(name.starts_with("without role labels"), "{name}");
            continue;
        };
        let rules: Vec<_> = list(&role["rules"]).collect();
        let pods = rules[0];
        assert_eq!(
            (&pods["resources"], &pods["verbs"]),
            (&json!(["pods"]), &json!(["get", "patch"]))
        );
        let named: BTreeSet<String> = list(&pods["resourceNames"]).map(|n| text(n).into()).collect();
        let sets = of_kind(objects, "StatefulSet");
        let all = sets.flat_map(|set| {
            let (name, replicas) = (text(&set["metadata"]["name"]), &set["spec"]["replicas"]);
            (0..replicas.as_u64().unwrap()).map(move |i| format!("{name}-{i}"))
        });
        assert_eq!(named, all.collect::<BTreeSet<String>>(), "{name}");
        let events = json!({ "apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"] });
        assert_eq!(rules[1..], [&events], "{name}");
    }
}

#[test]
fn the_binding_is_between_the_role_and_the_account_of_the_pods() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let account = of_kind(objects, "StatefulSet").next().unwrap();
        let spec = &account["spec"]["template"]["spec"];
        let with_role = of_kind(objects, "Role").next().is_some();
        assert_eq!(spec["automountServiceAccountToken"], with_role, "{name}");
        let Some(binding) = of_kind(objects, "RoleBinding").next() else {
            continue;
        };
        object(objects, &format!("Role/{}", text(&binding["roleRef"]["name"])));
        let subject = &binding["subjects"][0];
        assert_eq!(subject["name"], spec["serviceAccountName"], "{name}");
        assert_eq!(subject["namespace"], "prod", "{name}");
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
