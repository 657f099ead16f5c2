//! What the README says of the code is so.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use gp_agent_core::config::{reference, variables_reference};
use std::path::{Path, PathBuf};

#[test]
fn the_configuration_reference_is_current() {
    let readme = include_str!("../../README.md");
    for table in [reference(), variables_reference()] {
        assert!(
            readme.contains(table.trim()),
            "README.md lacks this table, or holds an older one:\n{table}"
        );
    }
}

/// The lint is denied for the whole workspace; who allows it has to name it.
#[test]
fn the_one_exception_is_the_one_that_the_readme_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for crate_ in ["agent", "tests"] {
        sources(&root.join(crate_), &mut found);
    }
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    // In two words, so that this file does not name it.
    let lint = ["unsafe", "code"].join("_");
    found.retain(|path| text(path).contains(&lint));
    assert_eq!(found, [root.join("agent/src/sys/resources/memory.rs")]);
    assert!(include_str!("../../README.md").contains("`agent/src/sys/resources/memory.rs`"));
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}
