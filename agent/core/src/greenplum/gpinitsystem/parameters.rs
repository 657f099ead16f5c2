//! The parameters file (`-p`): which values survive gpinitsystem.
//!
//! It takes the file apart into words, removes every space, puts each word into a script of sed, `s/NAME/WORD #NAME/`, and
//! on the other hosts into `ssh HOST "echo \"WORD\" >> FILE"` (`CREATE_QD_DB`, gpcreateseg.sh, `SED_PG_CONF`). A `/` ends
//! it with an error, a `&` or a space changes the value, a `$` is run on the other host. What it does with a name that
//! also stands in a comment of postgresql.conf is anybody's guess; the agent's own settings file has the last word.

use std::collections::BTreeMap;

/// The lines for the values that arrive as they are, and the names of the others.
pub(super) fn render(parameters: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut deferred = Vec::new();
    for (name, value) in parameters {
        if survives(name, value) {
            text.push_str(&format!("{name}='{value}'\n"));
        } else {
            deferred.push(name.clone());
        }
    }
    (text, deferred)
}

fn survives(name: &str, value: &str) -> bool {
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    named
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.,:+@%-".contains(c))
}
