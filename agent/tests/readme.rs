//! The README's tables are those of the code.

use gp_agent::domain::config::{reference, variables_reference};

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
