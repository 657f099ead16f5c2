//! Finding one's way among rendered objects.

use serde_json::Value;

/// `StatefulSet/coordinator`.
pub(crate) fn title(object: &Value) -> String {
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// The text of a string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// The elements of a list; none when it is left out.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}

/// All objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// The object called `Kind/name`.
pub(crate) fn object<'a>(objects: &'a [Value], wanted: &str) -> &'a Value {
    let found = objects.iter().find(|object| title(object) == wanted);
    found.unwrap_or_else(|| {
        let titles: Vec<String> = objects.iter().map(title).collect();
        panic!("no {wanted} among {titles:?}")
    })
}

/// Every pod's metadata and spec: those of the StatefulSets and the one of `helm test`.
pub(crate) fn pods(objects: &[Value]) -> Vec<(String, &Value)> {
    let sets = of_kind(objects, "StatefulSet").map(|set| (title(set), &set["spec"]["template"]));
    let single = of_kind(objects, "Pod").map(|pod| (title(pod), pod));
    sets.chain(single).collect()
}

/// Whether a label selector (matchLabels and `In` expressions) selects the labels.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut within = list(&selector["matchExpressions"]);
    equal.clone().count() + within.clone().count() > 0
        && equal.clone().all(|(key, value)| labels[key] == *value)
        && within.all(|expression| {
            assert_eq!(expression["operator"], "In", "{expression}");
            list(&expression["values"]).any(|value| labels[text(&expression["key"])] == *value)
        })
}
