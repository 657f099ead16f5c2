//! Databases whose directory is gone. A server starts without it and serves the others; who connects to that one is refused.

use crate::finding::{Area, Finding};
use std::collections::BTreeMap;

/// The name and the directory of each database that the catalog lists in pg_default (1663) and that has none. Not of one whose
/// `drop database` was broken off: its limit of connections is -2 then, and to drop it is what helps (dbcommands.c, since 15.4 and
/// its contemporaries). A copy is made anew, and its primary asked.
pub const SQL: &str = "select datname::text, 'base/' || oid::text from pg_database d \
    where dattablespace = 1663 and datconnlimit <> -2 and not pg_is_in_recovery() \
    and not exists (select 1 from pg_ls_dir('base') as f(name) where f.name = d.oid::text) order by 1";

/// Seconds for which a directory has to be gone: `drop database` removes it before others see that the row is gone.
const GONE_FOR: u64 = 30;

/// Since when each database and its directory are found, in Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostDatabases(BTreeMap<(String, String), u64>);

impl LostDatabases {
    /// Takes what a look found, names and directories, and says what was found for long enough.
    pub fn look(&mut self, found: impl IntoIterator<Item = (String, String)>, now: u64) -> Vec<Finding> {
        let since = |lost: &(String, String)| self.0.get(lost).copied().unwrap_or(now).min(now);
        self.0 = found.into_iter().map(|lost| (lost.clone(), since(&lost))).collect();
        let gone = self.0.iter().filter(|(_, since)| now - **since >= GONE_FOR);
        gone.map(|((name, dir), _)| finding(name, dir)).collect()
    }
}

fn finding(name: &str, dir: &str) -> Finding {
    Finding::error(
        Area::Postgres,
        format!("database {name}"),
        format!(
            "its directory {dir} is gone from the data directory: nobody can connect to it, and the server serves the others"
        ),
        "unless somebody is dropping it, do not: the pod on the other end of replication may have it whole, then let that one take over and have this one copied anew; else restore a backup",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_for_a_while_is_said() {
        let mut lost = LostDatabases::default();
        let mut look = |names: &[&str], now: u64| -> Vec<String> {
            let found = names.iter().map(|name| (name.to_string(), "base/16384".to_string()));
            lost.look(found, now)
                .into_iter()
                .map(|finding| finding.subject)
                .collect()
        };
        assert!(look(&["app", "dropped"], 100).is_empty());
        assert!(look(&["app"], 101).is_empty(), "looks may follow each other at once");
        assert_eq!(look(&["app"], 130), ["database app"]);
        assert!(look(&[], 131).is_empty(), "it is back");
        assert!(look(&["app"], 160).is_empty(), "and gone anew");
        assert!(look(&["app"], 50).is_empty(), "a clock that was set back");
        assert_eq!(look(&["app"], 80), ["database app"]);
    }
}
