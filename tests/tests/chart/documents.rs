//! What the documents tell people to type does what it is for, and takes nothing away that they do not speak of.

use crate::objects::{list, of_kind, text};
use crate::{NEWEST, can_render};
use cluster_tests::helm::{self, ValuesFile};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// The pieces of code of a document, as their lines.
fn code(document: &str) -> Vec<Vec<&str>> {
    let mut blocks = vec![Vec::new()];
    for line in document.lines() {
        match line.strip_prefix("    ") {
            Some(line) => blocks.last_mut().unwrap().push(line),
            None => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// Words as a shell splits them.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted && words.last().unwrap().is_empty() => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Every call of helm on the chart in the documents on Kubernetes, as words; and the values files, by the name in their first line.
fn typed() -> (Vec<Vec<String>>, BTreeMap<String, String>) {
    let (mut calls, mut files) = (Vec::new(), BTreeMap::new());
    for entry in fs::read_dir(helm::root().join("docs/kubernetes")).unwrap() {
        let document = fs::read_to_string(entry.unwrap().path()).unwrap();
        for block in code(&document) {
            if let Some(name) = block[0].strip_prefix("# ").filter(|name| name.ends_with(".yaml")) {
                files.insert(name.to_string(), block.join("\n"));
                continue;
            }
            let lines = block.join("\n").replace("\\\n", " ");
            let commands = lines.lines().map(words).filter(|words| words[0] == "helm");
            calls.extend(commands.filter(|words| words.contains(&"image/chart".to_string())));
        }
    }
    (calls, files)
}

/// What the chart makes of the values in such a call.
fn render(call: &[String], files: &BTreeMap<String, String>) -> Vec<Value> {
    let mut args = vec!["--kube-version".to_string(), NEWEST.into()];
    args.extend(["--set".into(), "generateSecrets=always".into()]);
    let mut kept = Vec::new();
    for pair in call
        .windows(2)
        .filter(|pair| ["--set", "--values"].contains(&pair[0].as_str()))
    {
        let file = files.get(&pair[1]).filter(|_| pair[0] == "--values");
        let file = file.map(|text| ValuesFile::of_text(text).unwrap());
        let value = file.as_ref().map_or_else(|| pair[1].clone(), ValuesFile::path);
        args.extend([pair[0].clone(), value]);
        kept.extend(file);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    helm::template(&helm::chart(), &args).unwrap_or_else(|error| panic!("{}: {error:#}", call.join(" ")))
}

#[test]
fn what_the_documents_say_lets_in_those_who_came_in_before() {
    if !can_render() {
        return;
    }
    let defaults = fs::read_to_string(helm::chart().join("values.yaml")).unwrap();
    let defaults: Value = serde_saphyr::from_str(&defaults).unwrap();
    let (calls, files) = typed();
    assert!(calls.len() >= 6, "{calls:?}");
    let mut with_tls_alone = 0;
    for call in calls {
        let objects = render(&call, &files);
        let config = text(&of_kind(&objects, "ConfigMap").next().unwrap()["data"]["cluster.yaml"]);
        let config: Value = serde_saphyr::from_str(config).unwrap();
        let lines: Vec<&str> = list(&config["hba"]["extra"]).map(text).collect();
        for line in list(&defaults["hba"]["extra"]) {
            assert!(lines.contains(&text(line)), "{}: {lines:?}", call.join(" "));
        }
        let hostssl = lines.iter().any(|line| line.starts_with("hostssl"));
        assert!(!hostssl || config["tls"].is_object(), "{}: {config}", call.join(" "));
        with_tls_alone += usize::from(hostssl);
    }
    assert!(with_tls_alone > 0, "no document shows clients from outside with TLS");
}

/// What `helm install` and `helm upgrade` print at last.
fn notes(values: &str) -> String {
    let (chart, values) = (
        helm::chart().display().to_string(),
        ValuesFile::of_text(values).unwrap(),
    );
    let how = [
        "--dry-run=client",
        "--set",
        "generateSecrets=always",
        "--values",
        &values.path(),
    ];
    let said = helm::helm(&[&["install", "warehouse", &chart], &how[..]].concat()).unwrap();
    said.split_once("NOTES:\n").unwrap().1.to_string()
}

#[test]
fn the_notes_warn_of_lines_that_let_nobody_in() {
    if !can_render() {
        return;
    }
    let line = "hostssl all all 203.0.113.0/24 scram-sha-256";
    let hba = format!("hba: {{ extra: [host all all 10.0.0.0/8 scram-sha-256, {line}] }}\n");
    let warned = |more: &str| {
        let notes = notes(&format!("{hba}{more}"));
        let warning = notes.split_once("WARNING: without TLS these lines of hba.extra let nobody in:");
        warning.is_some_and(|(_, lines)| lines.lines().nth(2) == Some(&format!("  {line}")))
    };
    assert!(warned(""));
    for tls in [
        "tls: { secret: mine }",
        "tls: { certManager: { issuer: ca } }",
        "parameters: { ssl: \"on\" }",
    ] {
        assert!(!warned(tls), "{tls}");
    }
    assert!(!notes("{}").contains("WARNING"));
}
