//! Upgrades of a release that is there, which the templates look up: what cannot change is refused by name, before anything is
//! applied, and nothing else is.

use crate::can_render;
use crate::objects::{of_kind, text};
use cluster_tests::helm::{self, ValuesFile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

/// What the templates look up.
const KINDS: [(&str, &str); 5] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "StatefulSet"),
];

/// An API server that has these objects, all in namespace `prod`, as far as Helm's `lookup` asks one; its kubeconfig.
fn serve(objects: Vec<Value>) -> ValuesFile {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), &objects).unwrap();
        }
    });
    ValuesFile::new(&json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{ "name": "here", "context": { "cluster": "here", "user": "me" } }],
        "clusters": [{ "name": "here", "cluster": { "server": server } }],
        "users": [{ "name": "me", "user": {} }],
    }))
    .unwrap()
}

fn answer(mut stream: &TcpStream, objects: &[Value]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    let missing =
        json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 });
    let (code, body) = match found(path, objects) {
        Some(body) => (200, body),
        None => (404, missing),
    };
    let body = body.to_string();
    let (kind, length) = ("application/json", body.len());
    let head =
        format!("HTTP/1.1 {code} -\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes())
}

/// The resources of a version, the objects of a kind, or one of them.
fn found(path: &str, objects: &[Value]) -> Option<Value> {
    let plural = |kind: &str| format!("{}s", kind.to_lowercase());
    for version in ["v1", "apps/v1"] {
        let root = format!("{}/{version}", if version == "v1" { "/api" } else { "/apis" });
        let Some(below) = path.strip_prefix(&root) else {
            continue;
        };
        let kinds = KINDS.iter().filter(|(of, _)| *of == version).map(|(_, kind)| *kind);
        if below.is_empty() {
            let resource =
                |kind| json!({ "name": plural(kind), "kind": kind, "namespaced": true, "verbs": ["get", "list"] });
            let resources: Vec<Value> = kinds.map(resource).collect();
            return Some(json!({ "kind": "APIResourceList", "groupVersion": version, "resources": resources }));
        }
        let below = below.strip_prefix("/namespaces/prod/")?;
        let (resource, name) = below.split_once('/').map_or((below, None), |(r, name)| (r, Some(name)));
        let kind = kinds.into_iter().find(|kind| plural(kind) == resource)?;
        let mut of_kind = of_kind(objects, kind);
        return match name {
            Some(name) => of_kind.find(|object| object["metadata"]["name"] == name).cloned(),
            None => {
                let items: Vec<&Value> = of_kind.collect();
                Some(json!({ "apiVersion": version, "kind": format!("{kind}List"), "items": items }))
            }
        };
    }
    None
}

/// The objects of a release that was installed with these values; each rendered once.
fn installed(values: &Value) -> Vec<Value> {
    static RENDERED: Mutex<BTreeMap<String, Vec<Value>>> = Mutex::new(BTreeMap::new());
    let mut rendered = RENDERED.lock().unwrap_or_else(PoisonError::into_inner);
    rendered
        .entry(values.to_string())
        .or_insert_with(|| install(values))
        .clone()
}

fn install(values: &Value) -> Vec<Value> {
    let values = ValuesFile::new(values).unwrap();
    let how = ["--values", &values.path(), "--set", "generateSecrets=always"];
    let mut objects = helm::template(&helm::chart(), &how).unwrap();
    for object in &mut objects {
        object["metadata"]["namespace"] = "prod".into();
    }
    objects
}

/// What an upgrade to these values applies, or why it does not.
fn upgrade(there: Vec<Value>, values: &Value) -> Result<Vec<Value>, String> {
    let (kubeconfig, values) = (serve(there), ValuesFile::new(values).unwrap());
    let how = [
        "--dry-run=server",
        "--kubeconfig",
        &kubeconfig.path(),
        "--values",
        &values.path(),
    ];
    helm::template(&helm::chart(), &how).map_err(|error| format!("{error:#}"))
}

fn claims(data: &str, class: &str) -> Value {
    json!({ "storage": { "size": data, "storageClass": class } })
}

#[test]
fn what_a_release_cannot_change_is_refused_by_name() {
    if !can_render() {
        return;
    }
    let wal = json!({ "storage": { "wal": true } });
    let refused: [(Value, Value, &[&str]); 13] = [
        (
            json!({}),
            json!({ "engine": "greenplum" }),
            &["engine is greenplum", "set engine to postgres"],
        ),
        (
            json!({ "engine": "greenplum" }),
            json!({}),
            &["engine is postgres", "set engine to greenplum"],
        ),
        (
            json!({ "config": { "engine": "greenplum" } }),
            json!({}),
            &["engine is postgres", "set engine to greenplum"],
        ),
        (
            json!({}),
            json!({ "cluster": "other" }),
            &["cluster is other", "set it to warehouse"],
        ),
        (
            json!({}),
            json!({ "headless": { "name": "pods" } }),
            &["headless.name is pods", "set it to agent"],
        ),
        (json!({}), wal.clone(), &["storage.wal is true", "set it to false"]),
        (wal.clone(), json!({}), &["storage.wal is false", "set it to true"]),
        (
            wal.clone(),
            json!({ "storage": { "wal": true }, "mirrors": { "storage": { "walSize": "6Gi" } } }),
            &[
                "mirrors.storage.walSize is 6Gi",
                "segment-b claims 5Gi",
                "set it to 5Gi",
            ],
        ),
        (
            json!({}),
            json!({ "coordinator": claims("20Gi", "") }),
            &["coordinator.storage.size is 20Gi", "set it to 10Gi"],
        ),
        (
            json!({ "primaries": claims("10Gi", "fast") }),
            json!({}),
            &["primaries.storage.storageClass is \"\"", "set it to \"fast\""],
        ),
        (
            json!({}),
            json!({ "mirrors": claims("10Gi", "-") }),
            &["mirrors.storage.storageClass is \"-\"", "set it to \"\""],
        ),
        (
            json!({ "namePrefix": "x-", "engine": "greenplum" }),
            json!({}),
            &["namePrefix is \"\"", "Set it to \"x-\"", "set engine to greenplum"],
        ),
        // All of it at once.
        (
            json!({ "cluster": "other", "mirrors": claims("1Gi", "") }),
            json!({}),
            &["cluster is warehouse", "mirrors.storage.size is 10Gi"],
        ),
    ];
    for (before, after, named) in refused {
        let why = upgrade(installed(&before), &after).expect_err(&format!("{before} became {after}"));
        for words in named {
            assert!(why.contains(words), "{before} to {after}: {why}");
        }
        let findings = why.matches("\n- ").count();
        assert!(findings <= named.len(), "{before} to {after}: {why}");
    }
}

#[test]
fn what_a_release_can_change_is_let_through() {
    if !can_render() {
        return;
    }
    let disk =
        json!({ "primaries": claims("1536Mi", "fast"), "mirrors": claims("1Gi", "-"), "storage": { "wal": true } });
    let renamed =
        json!({ "primaries": claims("1.5Gi", "fast"), "mirrors": claims("1024Mi", "-"), "storage": { "wal": true } });
    let alone = json!({ "mirrors": { "enabled": false }, "coordinator": { "standby": false } });
    let other = json!({
        "image": { "tag": "next" }, "segments": { "count": 3 }, "parameters": { "work_mem": "8MB" },
        "coordinator": { "resources": { "limits": { "memory": "2Gi" } } }, "service": { "name": "db" },
    });
    let smaller = json!({ "mirrors": { "enabled": false, "storage": { "size": "1Gi" } } });
    for (before, after) in [
        (json!({}), json!({ "cluster": "warehouse" })),
        (
            json!({ "namePrefix": "x-", "cluster": "c" }),
            json!({ "namePrefix": "x-", "cluster": "c" }),
        ),
        (disk, renamed),
        (json!({}), other.clone()),
        (
            json!({ "engine": "greenplum" }),
            json!({ "engine": "greenplum", "segments": { "count": 3 } }),
        ),
        (alone, json!({})),
        // Of mirrors that go nothing is compared.
        (json!({}), smaller),
    ] {
        let objects = upgrade(installed(&before), &after).unwrap_or_else(|why| panic!("{before} to {after}: {why}"));
        assert!(of_kind(&objects, "StatefulSet").count() >= 2);
    }
}

/// Helm itself refuses objects of another release, and says whose they are.
#[test]
fn another_release_of_the_namespace_is_not_compared() {
    if !can_render() {
        return;
    }
    let mut others = installed(&json!({ "engine": "greenplum", "cluster": "other", "storage": { "wal": true } }));
    for object in &mut others {
        object["metadata"]["labels"]["app.kubernetes.io/instance"] = "other".into();
    }
    upgrade(others, &json!({ "namePrefix": "y-" })).unwrap();
}

#[test]
fn greenplum_loses_no_pods_that_are_in_its_catalog() {
    if !can_render() {
        return;
    }
    for (after, named) in [
        (
            json!({ "segments": { "count": 1 } }),
            "segments.count is 1, and the cluster has 2 segments",
        ),
        (json!({ "mirrors": { "enabled": false } }), "mirrors.enabled is false"),
        (
            json!({ "coordinator": { "standby": false } }),
            "coordinator.standby is false",
        ),
    ] {
        let mut greenplum = after.clone();
        greenplum["engine"] = "greenplum".into();
        let why = upgrade(installed(&json!({ "engine": "greenplum" })), &greenplum).unwrap_err();
        assert!(why.contains(named), "{why}");
        upgrade(installed(&json!({})), &after).unwrap();
    }
}

#[test]
fn generated_secrets_are_those_that_are_there() {
    if !can_render() {
        return;
    }
    let there = installed(&json!({}));
    let password = |objects: &[Value]| -> Vec<String> {
        let passwords = of_kind(objects, "Secret").filter_map(|secret| secret["data"].get("password"));
        passwords.map(|password| text(password).to_string()).collect()
    };
    let before = password(&there);
    assert_eq!(before.len(), 1);
    assert_eq!(password(&upgrade(there, &json!({})).unwrap()), before);
}
