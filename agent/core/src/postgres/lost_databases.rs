//! Databases whose directory is gone. A server starts without it and serves the others; who connects to that one is refused.

use crate::finding::{Area, Finding};
use std::collections::BTreeSet;

/// Rows of `database`, the database's name and its directory, for each that the catalog lists in pg_default (1663) and that has none.
pub const SQL: &str = "select 'database', datname::text, 'base/' || oid::text from pg_database d where dattablespace = 1663 \
    and not exists (select 1 from pg_ls_dir('base') as f(name) where f.name = d.oid::text) order by 2";

/// What the looks found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostDatabases(BTreeSet<(String, String)>);

impl LostDatabases {
    /// Takes what a look found, names and directories, and says what two looks in a row have found: `drop database` removes the
    /// directory before others see that the row is gone (dbcommands.c).
    pub fn look(&mut self, found: BTreeSet<(String, String)>) -> Vec<Finding> {
        let findings = found
            .intersection(&self.0)
            .map(|(name, dir)| finding(name, dir))
            .collect();
        self.0 = found;
        findings
    }
}

fn finding(name: &str, dir: &str) -> Finding {
    Finding::error(
        Area::Postgres,
        format!("database {name}"),
        format!(
            "its directory {dir} is gone from the data directory: nobody can connect to it, and the server serves the others"
        ),
        "do not drop it: the pod on the other end of replication may have it whole; let that one take over, and have this one copied anew. Else restore a backup",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> BTreeSet<(String, String)> {
        names
            .iter()
            .map(|name| (name.to_string(), "base/16384".to_string()))
            .collect()
    }

    #[test]
    fn only_what_is_gone_twice_is_said() {
        let mut lost = LostDatabases::default();
        let mut look = |names: &[&str]| -> Vec<String> {
            let findings = lost.look(found(names));
            findings.into_iter().map(|finding| finding.subject).collect()
        };
        assert!(look(&["app", "dropped"]).is_empty());
        assert_eq!(look(&["app"]), ["database app"]);
        assert!(look(&[]).is_empty(), "it is back");
        assert!(look(&["app"]).is_empty());
    }
}
