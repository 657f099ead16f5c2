//! Every fuzz target is built, begins with something, and stands in CONTRIBUTING.md with what it reads.

use super::markdown::{Document, Kind, code_spans};
use super::{files, root};
use std::collections::BTreeSet;

fn stems(folder: &str) -> BTreeSet<String> {
    let mut sources = Vec::new();
    files(&root().join(folder), "rs", &mut sources);
    let stem = |path: &std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    sources.iter().map(stem).collect()
}

#[test]
fn every_target_is_told_and_complete() {
    let targets = stems("fuzz/fuzz_targets");
    let document = Document::read(&root(), &root().join("CONTRIBUTING.md"));
    let section = document.section("### Fuzz targets");
    let rows = section.iter().filter(|line| line.kind == Kind::Table);
    let told = rows.flat_map(|line| code_spans(&line.text)).map(String::from);
    let told: BTreeSet<String> = told.collect();
    assert_eq!(told, targets);
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in targets {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
            "{target}"
        );
        let seeds = std::fs::read_dir(root().join("fuzz/seeds").join(&target));
        assert!(
            seeds.is_ok_and(|mut seeds| seeds.next().is_some()),
            "{target} has no seed"
        );
    }
}
