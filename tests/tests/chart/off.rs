//! `off` as people write it in a values file: Helm reads YAML 1.1, where it is false unless it stands in quotes.

use crate::objects::{of_kind, text};
use crate::{NEWEST, can_render};
use cluster_tests::helm::{self, ValuesFile};
use gp_agent_core::config::{load, value_schemas};
use serde_json::{Value, json};
use std::fs;

/// Every key of cluster.yaml that has the word, as section and name.
fn keys() -> Vec<(&'static str, &'static str)> {
    let has_word = |schema: &Value| {
        schema["enum"]
            .as_array()
            .is_some_and(|words| words.contains(&json!("off")))
    };
    let keys = value_schemas().into_iter().filter(|(_, schema)| has_word(schema));
    keys.map(|(key, _)| key.split_once('.').unwrap()).collect()
}

/// The values that have the word, as section and name.
fn values() -> Vec<(String, String)> {
    let schema = fs::read_to_string(helm::chart().join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut found = Vec::new();
    for (section, of) in schema["properties"].as_object().unwrap() {
        for (name, value) in of["properties"].as_object().into_iter().flatten() {
            let words = value["enum"].as_array().map_or(&[][..], Vec::as_slice);
            let (word, unquoted) = (words.contains(&json!("off")), words.contains(&json!(false)));
            assert_eq!(word, unquoted, "{section}.{name}: {words:?}");
            found.extend(word.then(|| (section.clone(), name.clone())));
        }
    }
    found
}

/// cluster.yaml with that text as values.
fn cluster_yaml(values: &str) -> Value {
    let values = ValuesFile::of_text(values).unwrap();
    let how = [
        "--kube-version",
        NEWEST,
        "--set",
        "generateSecrets=always",
        "--values",
        &values.path(),
    ];
    let objects = helm::template(&helm::chart(), &how).unwrap();
    let written = text(&of_kind(&objects, "ConfigMap").next().unwrap()["data"]["cluster.yaml"]);
    load(written, "cluster.yaml", std::iter::empty()).unwrap_or_else(|findings| panic!("{findings:?}\n{written}"));
    serde_saphyr::from_str(written).unwrap()
}

#[test]
fn off_needs_no_quotes() {
    if !can_render() {
        return;
    }
    let values = values();
    assert!(values.len() >= 3, "{values:?}");
    for (section, name) in values {
        let written = cluster_yaml(&format!("{section}: {{ {name}: off }}\n"));
        assert_eq!(written[&section][&name], "off", "{section}.{name}");
    }
    for (section, name) in keys() {
        let written = cluster_yaml(&format!("config:\n  {section}:\n    {name}: off\n"));
        assert_eq!(written[section][name], "off", "config.{section}.{name}");
    }
}

/// A template that asks before the word is one would take another way than the agent.
#[test]
fn the_templates_take_it_for_the_word() {
    if !can_render() {
        return;
    }
    let rendered = |values: &str| {
        let values = ValuesFile::of_text(values).unwrap();
        let how = ["--set", "ssh.existingSecret=a", "--set", "password.existingSecret=b"];
        helm::template(&helm::chart(), &[&how[..], &["--values", &values.path()]].concat()).unwrap()
    };
    let unquoted = "failover: { mode: off, authority: off }\nnames: { hosts: off }\n";
    assert_eq!(rendered(unquoted), rendered(&unquoted.replace("off", "\"off\"")));
}

/// What is false on purpose stays it.
#[test]
fn other_switches_stay_false() {
    if !can_render() {
        return;
    }
    let written = cluster_yaml("coordinator: { standby: off }\nconfig: { kubernetes: { labels: auto } }\n");
    assert_eq!(written["coordinator"]["standby"], false);
    assert_eq!(written["kubernetes"]["labels"], "auto");
}
