//! Where pods may run, and how many of them may be taken away at once.

use crate::objects::{list, object, of_kind, selects};
use crate::{NEWEST, OLDEST, can_render, cases};
use serde_json::{Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const PAIRS: [(&str, &str); 3] = [
    ("segment-a", "segment-b"),
    ("segment-b", "segment-a"),
    ("coordinator", "coordinator"),
];

fn template<'a>(objects: &'a [Value], set: &str) -> &'a Value {
    &object(objects, &format!("StatefulSet/{set}"))["spec"]["template"]
}

/// The terms that keep a pod of the set away from others on the same node.
fn terms<'a>(objects: &'a [Value], set: &str, strength: &str) -> Vec<&'a Value> {
    let affinity = &template(objects, set)["spec"]["affinity"]["podAntiAffinity"];
    let terms = list(&affinity[strength]).map(|t| match &t["podAffinityTerm"] {
        Value::Null => t,
        weighted => weighted,
    });
    terms.filter(|t| t["topologyKey"] == "kubernetes.io/hostname").collect()
}

#[test]
fn no_mirror_shares_a_node_with_a_primary_nor_standby_with_coordinator() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(OLDEST);
    for (set, other) in PAIRS {
        let [term] = terms(&objects, set, REQUIRED)[..] else {
            panic!("{set}: not one term");
        };
        for (candidate, _) in PAIRS {
            let labels = &template(&objects, candidate)["metadata"]["labels"];
            assert_eq!(selects(&term["labelSelector"], labels), candidate == other, "{set}");
        }
    }
}

/// Before Kubernetes 1.31 no term can name a pod's own ordinal; from there on only the partner is kept away.
#[test]
fn new_kubernetes_keeps_pairs_apart_and_not_groups() {
    if !can_render() {
        return;
    }
    for (version, keys) in [
        ("1.30.0", Value::Null),
        ("1.31.0", json!(["apps.kubernetes.io/pod-index"])),
        ("1.31.3-gke.1000", json!(["apps.kubernetes.io/pod-index"])),
        (NEWEST, json!(["apps.kubernetes.io/pod-index"])),
    ] {
        let objects = cases::default().render(version);
        for (set, _) in &PAIRS[..2] {
            assert_eq!(terms(&objects, set, REQUIRED)[0]["matchLabelKeys"], keys, "{version}");
        }
        // Coordinator and standby have different ordinals.
        let coordinator = terms(&objects, "coordinator", REQUIRED);
        assert!(coordinator[0]["matchLabelKeys"].is_null(), "{version}");
    }
}

#[test]
fn small_clusters_prefer_and_some_do_not_care() {
    if !can_render() {
        return;
    }
    for case in cases::all() {
        let objects = case.render(OLDEST);
        for (set, _) in PAIRS {
            let count = |strength| match of_kind(&objects, "StatefulSet").any(|s| s["metadata"]["name"] == set) {
                true => terms(&objects, set, strength).len(),
                false => 0,
            };
            match case.name {
                "minikube" | "kind" => assert_eq!((count(REQUIRED), count(PREFERRED)), (0, 1)),
                "no anti-affinity" | "without mirrors" if set != "coordinator" => {
                    assert_eq!((count(REQUIRED), count(PREFERRED)), (0, 0));
                }
                "GKE" => assert_eq!((count(REQUIRED), count(PREFERRED)), (1, 0)),
                _ => {}
            }
        }
    }
}

#[test]
fn one_budget_covers_primaries_and_mirrors_together() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(OLDEST);
    let covering = |set: &str| {
        let labels = &template(&objects, set)["metadata"]["labels"];
        let budgets = of_kind(&objects, "PodDisruptionBudget");
        let mut covering = budgets.filter(|budget| selects(&budget["spec"]["selector"], labels));
        // The API refuses to evict a pod that two budgets cover.
        let one = covering.next().unwrap_or_else(|| panic!("no budget covers {set}"));
        assert!(covering.next().is_none(), "two budgets cover {set}");
        assert_eq!(one["spec"]["maxUnavailable"], 1);
        one["metadata"]["name"].clone()
    };
    assert_eq!(covering("segment-a"), covering("segment-b"));
    assert_ne!(covering("coordinator"), covering("segment-a"));
}
