//! docs/design/scenarios.md names tests that exist, and the scenarios that `tests/chaos` plays.

use super::markdown::{Document, Kind};
use super::{expect_none, files, root};
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/design/scenarios.md";
const LIST: &str = "tests/src/chaos/snapshots/cluster_tests__chaos__recipe__tests__the_list.snap";
const CHAOS: &str = "tests/chaos";

/// Number, and who plays it.
fn rows() -> Vec<(u32, Vec<String>)> {
    let document = Document::read(&root(), &root().join(DOCUMENT));
    let tables = document.lines.iter().filter(|line| line.kind == Kind::Table);
    let row = |text: &str| {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let [_, number, .., played, _] = cells.as_slice() else {
            return None;
        };
        let names = played.split('`').skip(1).step_by(2).map(String::from).collect();
        Some((number.parse().ok()?, names))
    };
    tables.filter_map(|line| row(&line.text)).collect()
}

#[test]
fn each_test_that_plays_a_scenario_exists() {
    let mut sources = Vec::new();
    for folder in ["agent", "tests"] {
        files(&root().join(folder), "rs", &mut sources);
    }
    let words: BTreeSet<String> = sources
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').map(String::from);
            words.collect::<Vec<_>>()
        })
        .collect();
    let rows = rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    let names = rows.iter().flat_map(|(_, names)| names).filter(|name| *name != CHAOS);
    let missing: Vec<String> = names.filter(|name| !words.contains(*name)).cloned().collect();
    expect_none("tests that do not exist", &missing);
}

#[test]
fn the_scenarios_that_are_played_by_number_are_those_of_the_list() {
    let list = std::fs::read_to_string(root().join(LIST)).unwrap();
    let listed: BTreeSet<u32> = list
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let named: BTreeSet<u32> = rows()
        .into_iter()
        .filter(|(_, names)| names.iter().any(|name| name == CHAOS))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(named, listed);
}
