//! cluster.yaml as the agent reads it, beside the objects that it describes.

use crate::objects::{list, object, of_kind, text};
use crate::{NEWEST, can_render, cases};
use gp_agent_core::cluster::topology::{Role, Topology};
use gp_agent_core::config::{Config, KeepHosts, load};
use serde_json::Value;
use std::collections::BTreeSet;

fn config(name: &str, objects: &[Value]) -> Config {
    let map = of_kind(objects, "ConfigMap").next().unwrap();
    let text = text(&map["data"]["cluster.yaml"]);
    load(text, "cluster.yaml", std::iter::empty()).unwrap_or_else(|findings| panic!("{name}: {findings:?}\n{text}"))
}

#[test]
fn the_agent_accepts_every_configuration_and_knows_the_same_pods() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let config = config(name, objects);
        let topology = Topology::new(&config, "agent.prod.svc.cluster.local");
        let known: BTreeSet<String> = topology.members.iter().map(|m| m.pod.clone()).collect();
        let sets = of_kind(objects, "StatefulSet").flat_map(|set| {
            let (name, replicas) = (text(&set["metadata"]["name"]), &set["spec"]["replicas"]);
            (0..replicas.as_u64().unwrap()).map(move |i| format!("{name}-{i}"))
        });
        assert_eq!(known, sets.collect::<BTreeSet<String>>(), "{name}");
        for member in &topology.members {
            let (set, _) = member.pod.rsplit_once('-').unwrap();
            let set = object(objects, &format!("StatefulSet/{set}"));
            let ports = &set["spec"]["template"]["spec"]["containers"][0]["ports"];
            let port = |wanted: &str| list(ports).find(|p| p["name"] == wanted).unwrap();
            assert_eq!(port("db")["containerPort"], member.port, "{name}: {}", member.pod);
            assert_eq!(port("http")["containerPort"], config.http.port, "{name}");
        }
        assert_eq!(topology.members[0].role, Role::Coordinator);
    }
}

#[test]
fn everything_that_the_agent_wants_is_mounted_where_it_looks() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let config = config(name, objects);
        for set in of_kind(objects, "StatefulSet") {
            let spec = &set["spec"]["template"]["spec"];
            let mounts = list(&spec["containers"][0]["volumeMounts"]);
            let paths: BTreeSet<&str> = mounts.map(|m| text(&m["mountPath"])).collect();
            let has = |path: &std::path::Path| paths.contains(path.to_str().unwrap());
            assert!(
                has(&config.storage.path) && has(&config.ssh.secret),
                "{name}: {paths:?}"
            );
            assert!(config.storage.wal.as_deref().is_none_or(has), "{name}: {paths:?}");
            assert_eq!(
                paths.contains("/etc/hosts"),
                config.names.hosts == KeepHosts::Auto,
                "{name}"
            );
            let password = config.hba.password_file.parent().unwrap();
            assert!(has(password), "{name}: {paths:?}");
            let secret = list(&spec["volumes"])
                .find(|volume| volume["name"] == "password")
                .unwrap();
            // With trust there may be none.
            let may_be_missing = secret["secret"]["optional"] == true;
            assert_eq!(may_be_missing, config.hba.auth.method() == "trust", "{name}");
            let volumes = list(&spec["volumes"]).chain(list(&set["spec"]["volumeClaimTemplates"]));
            let names: BTreeSet<&str> = volumes
                .map(|v| v["name"].as_str().unwrap_or_else(|| text(&v["metadata"]["name"])))
                .collect();
            let mounted = list(&spec["containers"][0]["volumeMounts"]).map(|m| text(&m["name"]));
            assert_eq!(names, mounted.collect(), "{name}");
        }
    }
}

#[test]
fn the_grace_period_outlasts_the_agents_ladder() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        let grace = u64::from(config(name, objects).shutdown.grace_seconds);
        for set in of_kind(objects, "StatefulSet") {
            let period = &set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
            assert!(period.as_u64().unwrap() >= grace + 5, "{name}: {period} and {grace}");
        }
    }
}

#[test]
fn each_role_has_the_storage_that_it_is_given() {
    if !can_render() {
        return;
    }
    let cases = cases::all();
    let everything = cases.iter().find(|case| case.name == "everything").unwrap();
    let objects = everything.render(NEWEST);
    let classes = |set: &str| {
        let claims = &object(&objects, set)["spec"]["volumeClaimTemplates"];
        list(claims)
            .map(|c| c["spec"]["storageClassName"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(classes("StatefulSet/x-coordinator"), [Value::Null, Value::Null]);
    assert_eq!(classes("StatefulSet/x-segment-a"), ["fast", "faster"]);
    assert_eq!(classes("StatefulSet/x-segment-b"), [Value::from(""), Value::Null]);
}
