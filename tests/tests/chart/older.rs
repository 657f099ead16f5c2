//! `helm upgrade --reuse-values` of a release of an older chart: all values of the older one, and none of this one's defaults.

use crate::{NEWEST, can_render};
use cluster_tests::helm;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// values.yaml of version 0.1.0.
const OLD: &str = include_str!("values-0.1.0.yaml");

/// What such a release has to say, and Secrets that are the same in every rendering.
const SAID: [&str; 8] = [
    "--set",
    "service.sourceRanges={192.0.2.0/24}",
    "--set",
    "ssh.existingSecret=keys",
    "--set",
    "password.existingSecret=words",
    "--kube-version",
    NEWEST,
];

/// This chart, with the defaults of another one: what Helm makes of `--reuse-values`.
fn with_old_defaults(directory: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(helm::chart())
        .arg(directory)
        .status();
    assert!(copied.unwrap().success());
    fs::write(directory.join("chart/values.yaml"), OLD).unwrap();
}

#[test]
fn the_values_of_an_older_release_are_enough() {
    if !can_render() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    with_old_defaults(directory.path());
    let reused = helm::template(&directory.path().join("chart"), &SAID).unwrap();
    let old = directory.path().join("old.yaml");
    fs::write(&old, OLD).unwrap();
    let given = ["--values", old.to_str().unwrap()];
    let given = helm::template(&helm::chart(), &[&given[..], &SAID[..]].concat()).unwrap();
    assert!(given.len() > 15, "{}", given.len());
    assert_eq!(reused, given);
}

/// What the first one has and the second one has not.
fn beyond(new: &Value, old: &Value) -> Value {
    let mut more = Map::new();
    for (name, value) in new.as_object().unwrap() {
        match old.get(name) {
            None => drop(more.insert(name.clone(), value.clone())),
            Some(old) if value.is_object() => {
                let below = beyond(value, old);
                more.extend(
                    below
                        .as_object()
                        .is_some_and(|b| !b.is_empty())
                        .then(|| (name.clone(), below)),
                );
            }
            Some(_) => {}
        }
    }
    Value::Object(more)
}

#[test]
fn what_is_new_has_the_default_of_values_yaml() {
    let template = fs::read_to_string(helm::chart().join("templates/_values.tpl")).unwrap();
    let (_, behind) = template
        .split_once("define \"gp-agent.values-since-0.1.0\" -}}")
        .unwrap();
    let (since, _) = behind.split_once("{{- end -}}").unwrap();
    let since: Value = serde_saphyr::from_str(since).unwrap();
    let new = fs::read_to_string(helm::chart().join("values.yaml")).unwrap();
    let (new, old): (Value, Value) = (
        serde_saphyr::from_str(&new).unwrap(),
        serde_saphyr::from_str(OLD).unwrap(),
    );
    assert_eq!(since, beyond(&new, &old));
}

/// Helm renders them in an order of its own.
#[test]
fn every_template_begins_with_whole_values() {
    let templates = helm::chart().join("templates");
    let files = [&templates, &templates.join("tests")].map(|folder| fs::read_dir(folder).unwrap());
    let paths = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let rendered = paths.filter(|path| path.is_file() && path.extension().is_none_or(|e| e != "tpl"));
    let mut count = 0;
    for path in rendered {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("{{- include \"gp-agent.values\" . -}}\n"),
            "{}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 12, "{count}");
}
