//! Links lead somewhere, and paths in backticks are there.

use super::markdown::{Document, Kind, code_spans};
use super::{documents, expect_none, root};
use std::path::Path;

/// Folders of the repository that documents name paths in.
const FOLDERS: [&str; 5] = ["agent", "image", "tests", "docs", ".ci"];
/// Made by image/up.
const NOT_IN_THE_REPOSITORY: &str = "image/.build";

/// The targets of `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    let ends = line.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The line as a reader sees it.
pub(crate) fn without_targets(line: &str) -> String {
    targets(line).iter().fold(line.to_string(), |line, target| {
        line.replacen(&format!("({target})"), "", 1)
    })
}

/// Why the link leads nowhere.
fn broken(document: &Document, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let path = match file {
        "" => root().join(&document.path),
        file => root().join(folder).join(file),
    };
    let Ok(path) = path.canonicalize() else {
        return Some(format!("{file} is not there"));
    };
    let is_markdown = path.extension().is_some_and(|e| e == "md");
    if anchor.is_empty() || !is_markdown || Document::read(&root(), &path).anchors().contains(anchor) {
        return None;
    }
    Some(format!("{} has no heading #{anchor}", path.display()))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    for document in documents() {
        for line in document.lines.iter().filter(|line| line.kind != Kind::Code) {
            let relative = targets(&line.text).into_iter().filter(|t| !t.starts_with("http"));
            let broken = relative.filter_map(|target| broken(&document, target));
            wrong.extend(broken.map(|why| format!("{}: {why}", document.at(line))));
        }
    }
    expect_none("broken links", &wrong);
}

/// Whether it is meant as a path of this repository; a part in capitals stands for any.
fn is_path(word: &str) -> bool {
    let mut parts = word.split('/');
    let folder = parts.next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let placeholder = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase());
    FOLDERS.contains(&folder)
        && word.contains('/')
        && word.chars().all(plain)
        && !word.starts_with(NOT_IN_THE_REPOSITORY)
        && !parts.any(placeholder)
}

#[test]
fn every_path_in_backticks_is_there() {
    let mut wrong = Vec::new();
    let mut paths = 0;
    for document in documents() {
        for line in document.lines.iter().filter(|line| line.kind != Kind::Code) {
            for path in code_spans(&line.text).into_iter().filter(|span| is_path(span)) {
                paths += 1;
                if !root().join(path).exists() {
                    wrong.push(format!("{}: {path} is not there", document.at(line)));
                }
            }
        }
    }
    expect_none("paths that lead nowhere", &wrong);
    assert!(
        paths > 50,
        "only {paths} paths were found: are they still written in backticks?"
    );
}

#[test]
fn links_and_paths_are_found() {
    assert_eq!(targets("see [a](b.md#c), [d](https://e)."), ["b.md#c", "https://e"]);
    assert_eq!(without_targets("see [a](b.md)."), "see [a].");
    let paths = ["agent/src/main.rs", "tests/run", ".ci/run", "agent/core"];
    assert!(paths.iter().all(|path| is_path(path)));
    let others = [
        "agent",
        "agent/src/ROOM",
        "image/up --help",
        "/etc/passwd",
        "image/.build/pgpass",
        "REGISTRY/gp-agent",
    ];
    assert!(!others.iter().any(|other| is_path(other)));
}
