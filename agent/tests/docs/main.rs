//! What the documents say of the code is so: tables, links, paths, commands; and how they are written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod alerts;
mod commands;
mod fuzz_targets;
mod links;
mod markdown;
#[path = "../support/promtool.rs"]
mod promtool;
mod reference;
mod scenarios;
#[path = "../support/skipped.rs"]
mod skipped;
mod tables;

use markdown::{Document, Kind};
use std::path::{Path, PathBuf};

/// A reader has the first picture without scrolling for long.
const LONGEST_README: usize = 130;
/// The width of documents and code (rustfmt.toml).
const WIDTH: usize = 120;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every document of the repository.
fn documents() -> Vec<Document> {
    let root = root();
    let mut paths = Vec::new();
    for folder in [&root.join("docs"), &root.join("tests/standin")] {
        files(folder, "md", &mut paths);
    }
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"] {
        paths.push(root.join(name));
    }
    paths.sort();
    paths.iter().map(|path| Document::read(&root, path)).collect()
}

/// The files below `folder` whose names end so.
fn files(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, extension, into);
        } else if path.extension().is_some_and(|e| e == extension) {
            into.push(path);
        }
    }
}

/// Fails with everything that is wrong at once.
fn expect_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = Document::read(&root(), &root().join("README.md")).lines.len();
    assert!(lines <= LONGEST_README, "README.md has {lines} lines");
}

/// Tables and code cannot be wrapped, and links not within.
#[test]
fn no_line_is_wider_than_the_code() {
    let mut wrong = Vec::new();
    for document in documents() {
        for line in &document.lines {
            let wraps = !matches!(line.kind, Kind::Table | Kind::Code);
            if wraps && links::without_targets(&line.text).chars().count() > WIDTH {
                wrong.push(format!("{} has more than {WIDTH} characters", document.at(line)));
            }
        }
    }
    expect_none("lines too wide", &wrong);
}

/// The lint is denied for the whole workspace; who allows it has to name it.
#[test]
fn the_one_exception_is_the_one_that_the_documents_name() {
    let mut sources = Vec::new();
    for folder in ["agent", "tests"] {
        files(&root().join(folder), "rs", &mut sources);
    }
    // In two words, so that this file does not name it.
    let lint = ["unsafe", "code"].join("_");
    sources.retain(|path| std::fs::read_to_string(path).unwrap().contains(&lint));
    let exceptions: Vec<_> = sources.iter().map(|path| path.strip_prefix(root()).unwrap()).collect();
    let [exception] = exceptions.as_slice() else {
        panic!("one file may be the exception: {exceptions:?}");
    };
    let named = format!("`{}`", exception.display());
    for name in ["CONTRIBUTING.md", "docs/design/security.md"] {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        assert!(text.contains(&named), "{name} does not name {named}");
    }
}
