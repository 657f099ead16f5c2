//! Tables that are made from the code, between `<!-- begin NAME -->` and `<!-- end NAME -->`.

use super::root;
use std::sync::{Mutex, PoisonError};

/// Several tables stand in one file.
static ONE_WRITER: Mutex<()> = Mutex::new(());

/// Compares the table with what stands in the document. `UPDATE_DOCS=1` writes it there.
pub(crate) fn expect(document: &str, name: &str, table: &str) {
    let _alone = ONE_WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root().join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, inside, after) =
        split(&text, name).unwrap_or_else(|| panic!("{document} has no place for the table \"{name}\""));
    if inside.trim() == table.trim() {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}\n{}\n{after}", table.trim())).unwrap();
        return;
    }
    panic!(
        "the table \"{name}\" of {document} is not what the code says; UPDATE_DOCS=1 writes it. It should be:\n{table}"
    );
}

/// What stands before the table, in its place, and after it; markers belong to what is around.
fn split<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let begin = format!("<!-- begin {name} -->");
    let end = format!("<!-- end {name} -->");
    let inside = text.find(&begin)? + begin.len();
    let after = inside + text.get(inside..)?.find(&end)?;
    Some((text.get(..inside)?, text.get(inside..after)?, text.get(after..)?))
}

/// Markdown of a heading and its rows.
pub(crate) fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heading: Vec<String> = heading.iter().map(ToString::to_string).collect();
    let ruler = vec!["---".to_string(); heading.len()];
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    [heading, ruler].iter().chain(&rows).map(|row| line(row)).collect()
}

#[test]
fn a_table_is_found_between_its_markers() {
    let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
    let (before, inside, after) = split(text, "x").unwrap();
    assert_eq!(
        (before, inside, after),
        ("a\n<!-- begin x -->", "\nold\n", "<!-- end x -->\nb\n")
    );
    assert_eq!(split(text, "y"), None);
    assert_eq!(
        table(&["A", "B"], [vec!["1".into(), "2".into()]]),
        "| A | B |\n| --- | --- |\n| 1 | 2 |\n"
    );
}
