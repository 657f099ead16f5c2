//! What a change of a template does, for review: the default rendering as a whole, every other one by what it does differently.

use crate::flat::{difference, flat};
use crate::{NEWEST, OLDEST, can_render, cases};
use serde_json::Value;
use std::fmt::Write;

/// Without what is random.
fn shown(mut objects: Vec<Value>) -> Vec<Value> {
    for secret in objects.iter_mut().filter(|object| object["kind"] == "Secret") {
        let data = secret["data"].as_object_mut().into_iter().flatten();
        data.for_each(|(_, value)| *value = "(generated)".into());
    }
    objects
}

#[test]
fn the_default_rendering() {
    if !can_render() {
        return;
    }
    let mut text = String::new();
    for (path, value) in flat(&shown(cases::default().render(OLDEST))) {
        let _ = writeln!(text, "{path}: {value}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_other_renderings_do_differently() {
    if !can_render() {
        return;
    }
    let default = flat(&shown(cases::default().render(OLDEST)));
    let mut text = String::new();
    let newest = flat(&shown(cases::default().render(NEWEST)));
    let _ = writeln!(text, "## on Kubernetes {NEWEST}\n{}", difference(&default, &newest));
    let shown_here = ["minikube", "kind", "GKE", "without role labels"];
    for case in cases::all().iter().filter(|case| shown_here.contains(&case.name)) {
        let other = flat(&shown(case.render(OLDEST)));
        let _ = writeln!(text, "## {}\n{}", case.name, difference(&default, &other));
    }
    insta::assert_snapshot!(text);
}
