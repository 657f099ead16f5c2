//! The chart's values beside the keys of cluster.yaml that they become: the same types, bounds, words and defaults.

use crate::objects::{of_kind, text};
use crate::{NEWEST, can_render, cases};
use cluster_tests::helm;
use gp_agent_core::config::value_schemas;
use gp_agent_core::process::timeouts;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Values that have another name than their key.
const RENAMED: &[(&str, &str)] = &[
    ("primaries.port", "segments.primaryPort"),
    ("mirrors.port", "segments.mirrorPort"),
];

/// Keys that the templates make up themselves.
const MADE: &[(&str, &str)] = &[
    ("cluster", "left empty it is the release's name"),
    ("coordinator.pods", "namePrefix goes before it"),
    ("segments.primaries", "namePrefix goes before it"),
    (
        "segments.mirrors",
        "namePrefix goes before it; absent without mirrors.enabled",
    ),
    ("storage.path", "where the templates mount the volume"),
    (
        "storage.wal",
        "where the templates mount the second volume, if the value says so",
    ),
    (
        "tls.secret",
        "where the templates mount the Secret that the value of this name, or cert-manager, names",
    ),
];

/// Keys for which the chart has another default than the agent.
const OTHER_DEFAULT: &[(&str, &str)] = &[
    ("coordinator.standby", "on Kubernetes a standby costs one line"),
    ("hba.auth", "the chart makes a password, the agent alone has none"),
    ("hba.extra", "clients in private networks, by password"),
    (
        "shutdown.graceSeconds",
        "a StatefulSet may set its pods' grace period, and a checkpoint may take long",
    ),
];

#[test]
fn a_probe_can_say_what_it_waited_for() {
    let seconds = timeouts::PROBE_ANSWERS.as_secs();
    let chart = values();
    for probe in ["startup", "liveness"] {
        let given = chart["probes"][probe]["timeoutSeconds"].as_u64();
        assert!(given.is_some_and(|given| given > seconds), "{probe}");
    }
    let dockerfile = fs::read_to_string(helm::root().join("image/Dockerfile")).unwrap();
    let (_, rest) = dockerfile.split_once("HEALTHCHECK").unwrap();
    let (_, rest) = rest.split_once("--timeout=").unwrap();
    let given: u64 = rest.split_once('s').unwrap().0.parse().unwrap();
    assert!(given > seconds);
}

/// Every value that becomes a key as it is, by the key's name.
fn passed_on(schema: &Value) -> BTreeMap<&'static str, &'static str> {
    let renamed = RENAMED.iter().map(|(value, key)| (*key, *value));
    let made: BTreeSet<&str> = MADE.iter().map(|(key, _)| *key).collect();
    let same = value_schemas()
        .into_keys()
        .filter(|key| property(schema, key).is_some());
    let same = same.filter(|key| !made.contains(key)).map(|key| (key, key));
    renamed.chain(same).collect()
}

fn values_schema() -> Value {
    serde_json::from_str(&fs::read_to_string(helm::chart().join("values.schema.json")).unwrap()).unwrap()
}

fn values() -> Value {
    serde_saphyr::from_str(&fs::read_to_string(helm::chart().join("values.yaml")).unwrap()).unwrap()
}

fn at<'a>(value: &'a Value, dotted: &str) -> Option<&'a Value> {
    dotted.split('.').try_fold(value, |value, name| value.get(name))
}

/// What the schema says of that value, references followed.
fn property<'a>(schema: &'a Value, dotted: &str) -> Option<&'a Value> {
    let step = |of: &'a Value, name: &str| of.get("properties")?.get(name);
    let found = dotted.split('.').try_fold(schema, step)?;
    match found.get("$ref") {
        Some(target) => schema.pointer(text(target).trim_start_matches('#')),
        None => Some(found),
    }
}

/// The part of a schema that the agent and the chart have to agree on; words in alphabetical order.
fn essence(schema: &Value) -> Value {
    let mut agreed = Map::new();
    for (name, value) in schema.as_object().unwrap() {
        let value = match (name.as_str(), value) {
            ("items" | "additionalProperties", Value::Object(_)) => essence(value),
            ("enum", Value::Array(words)) => {
                // `off` without its quotes: off.rs.
                let words: BTreeSet<&str> = words.iter().filter(|word| **word != false).map(text).collect();
                json!(words)
            }
            ("type" | "minimum" | "maximum" | "enum", _) => value.clone(),
            _ => continue,
        };
        agreed.insert(name.clone(), value);
    }
    Value::Object(agreed)
}

#[test]
fn values_have_the_types_bounds_and_words_of_their_keys() {
    let (schema, keys) = (values_schema(), value_schemas());
    let passed_on = passed_on(&schema);
    assert!(passed_on.len() >= 12, "{passed_on:?}");
    for (key, value) in passed_on {
        let of_value = property(&schema, value).unwrap_or_else(|| panic!("values.schema.json has no {value}"));
        assert_eq!(
            essence(of_value),
            essence(&keys[key]),
            "{value} in values.schema.json, and {key}"
        );
    }
}

#[test]
fn values_have_the_defaults_of_their_keys_unless_there_is_a_reason() {
    let (schema, defaults) = (values_schema(), values());
    let keys = value_schemas();
    let other = passed_on(&schema).into_iter().filter(|(key, value)| {
        let ours = at(&defaults, value).unwrap_or_else(|| panic!("values.yaml has no {value}"));
        // What the agent demands has some default in the chart; what it may lack is empty there.
        let theirs = match (&keys[key]["default"], &keys[key]["type"]) {
            (Value::Null, kind) if kind == "array" => json!([]),
            (Value::Null, kind) if kind == "object" => json!({}),
            (Value::Null, _) => return false,
            (default, _) => default.clone(),
        };
        *ours != theirs
    });
    let other: BTreeSet<&str> = other.map(|(key, _)| key).collect();
    assert_eq!(other, OTHER_DEFAULT.iter().map(|(key, _)| *key).collect());
}

/// Another value than the default, different for every key.
fn unusual(schema: &Value, default: &Value, number: u64) -> Value {
    match (&schema["enum"], schema["type"].as_str()) {
        (Value::Array(words), _) => words.iter().find(|word| *word != default).unwrap().clone(),
        (_, Some("boolean")) => json!(!default.as_bool().unwrap()),
        (_, Some("integer")) => json!(schema["minimum"].as_u64().unwrap() + 7 + number),
        // The one text among them is a schedule.
        (_, Some("string")) => json!(format!("{number} 2 * * sun")),
        (_, Some("array")) => json!([format!("host all all 192.0.2.{number}/32 reject")]),
        (_, Some("object")) => json!({ "work_mem": format!("{number}MB") }),
        other => panic!("no unusual value for {other:?}"),
    }
}

fn put(into: &mut Value, dotted: &str, value: Value) {
    let place = dotted.split('.').fold(into, |into, name| &mut into[name]);
    *place = value;
}

fn cluster_yaml(objects: &[Value]) -> Value {
    let map = of_kind(objects, "ConfigMap").next().unwrap();
    serde_saphyr::from_str(text(&map["data"]["cluster.yaml"])).unwrap()
}

#[test]
fn every_value_reaches_its_key() {
    if !can_render() {
        return;
    }
    let (schema, defaults, keys) = (values_schema(), values(), value_schemas());
    let mut given = json!({});
    let mut wanted = Vec::new();
    for (number, (key, value)) in passed_on(&schema).into_iter().enumerate() {
        let unusual = unusual(
            &keys[key],
            at(&defaults, value).unwrap(),
            u64::try_from(number).unwrap(),
        );
        put(&mut given, value, unusual.clone());
        wanted.push((key, unusual));
    }
    let written = cluster_yaml(&helm::render(&[], &given, NEWEST).unwrap());
    for (key, value) in wanted {
        assert_eq!(at(&written, key), Some(&value), "{key}");
    }
}

#[test]
fn every_key_that_is_written_comes_from_a_value_or_is_made_up_on_purpose() {
    if !can_render() {
        return;
    }
    let known: BTreeSet<&str> = passed_on(&values_schema())
        .into_keys()
        .chain(MADE.iter().map(|(key, _)| *key))
        .collect();
    let mut written = BTreeSet::new();
    for (_, objects) in cases::rendered() {
        let cluster_yaml = cluster_yaml(objects);
        written.extend(
            value_schemas()
                .into_keys()
                .filter(|key| at(&cluster_yaml, key).is_some()),
        );
    }
    assert_eq!(written, known);
}

/// While pods are being replaced an agent from before failover may start again, with the new cluster.yaml: it refuses a file
/// with a key that it does not know, and starts no server. So nothing is written that only says what the agent does anyway.
#[test]
fn an_older_agent_reads_what_an_upgrade_writes() {
    if !can_render() {
        return;
    }
    for files in [
        &[][..],
        &["values-minikube.yaml"],
        &["values-kind.yaml"],
        &["values-gke.yaml"],
    ] {
        let written = cluster_yaml(&helm::render(files, &json!({}), NEWEST).unwrap());
        assert_eq!(written.get("failover"), None, "{files:?}");
        assert_eq!(written.get("recovery"), None, "{files:?}");
        assert_eq!(written.get("expansion"), None, "{files:?}");
        assert_eq!(written.get("names"), None, "{files:?}");
    }
    let spelled =
        json!({ "failover": { "mode": "auto", "authority": "auto", "leaseSeconds": 10, "onPodDelete": "handOver" } });
    let written = cluster_yaml(&helm::render(&[], &spelled, NEWEST).unwrap());
    assert_eq!(written.get("failover"), None);
    let one = json!({ "failover": { "leaseSeconds": 20 } });
    let written = cluster_yaml(&helm::render(&[], &one, NEWEST).unwrap());
    assert_eq!(written["failover"], json!({ "leaseSeconds": 20 }));
    let manual = json!({ "expansion": { "redistribute": "manual" } });
    let written = cluster_yaml(&helm::render(&[], &manual, NEWEST).unwrap());
    assert_eq!(written["expansion"], json!({ "redistribute": "manual" }));
}

/// The template knows the agent's defaults by heart.
#[test]
fn what_the_template_leaves_out_is_the_agents_default() {
    let template = fs::read_to_string(helm::chart().join("templates/configmap.yaml")).unwrap();
    let keys = value_schemas();
    for key in [
        "failover.mode",
        "failover.authority",
        "failover.leaseSeconds",
        "failover.onPodDelete",
        "recovery.segments",
        "recovery.full",
        "recovery.roles",
        "recovery.windowMinutes",
    ] {
        let (_, leaf) = key.split_once('.').unwrap();
        let pair = format!("{:?} {}", leaf, keys[key]["default"]);
        assert!(template.contains(&pair), "{pair}");
    }
}
