//! The agent's own settings file, `gp-agent.conf`, and the line of postgresql.conf that includes it.

use crate::config::quote;
use crate::resources::Derived;
use std::collections::BTreeMap;

/// The file's name, in the data directory.
pub const FILE: &str = "gp-agent.conf";

/// The name of the file that says for whom commits wait, in the data directory.
pub const SYNC_FILE: &str = "gp-agent-sync.conf";

/// The name of the file that makes a server give up soon on another that is lost, in its data directory.
pub const HURRY_FILE: &str = "gp-agent-hurry.conf";

const INCLUDE: &str = "include_if_exists = 'gp-agent.conf'";

/// Renders `gp-agent.conf`: what the engine needs (`own`), what follows from the container's limits, each with the reason
/// for its value, then what the configuration says (the last line of a name wins, config.sgml). Deterministic.
pub fn render(own: &[(&str, &str)], derived: &[Derived], parameters: &BTreeMap<String, String>) -> String {
    let mut text = String::from(
        "# Written by gp-agent from cluster.yaml; changes made here are lost. ALTER SYSTEM takes precedence.\n",
    );
    for (name, value) in own {
        text.push_str(&format!("{name} = {}\n", quote::postgres_setting(value)));
    }
    for Derived { name, value, why } in derived {
        text.push_str(&format!("# {why}:\n{name} = {}\n", quote::postgres_setting(value)));
    }
    for (name, value) in parameters {
        text.push_str(&format!("{name} = {}\n", quote::postgres_setting(value)));
    }
    text
}

/// `gp-agent.conf` that includes that file of the agent's ([`SYNC_FILE`], [`HURRY_FILE`]), as its last word.
pub fn with_last(text: &str, file: &str) -> String {
    let include = format!("include_if_exists = '{file}'\n");
    match text.ends_with(&include) {
        true => text.to_string(),
        false => format!("{text}{include}"),
    }
}

/// postgresql.conf with the include line at its end; the same bytes when it is there already. Comments may be in any
/// encoding: the server reads bytes.
pub fn with_include(existing: &[u8]) -> Vec<u8> {
    let mut lines = existing.split(|byte| *byte == b'\n');
    let mut all = existing.to_vec();
    if lines.any(|line| line.trim_ascii() == INCLUDE.as_bytes()) {
        return all;
    }
    if !existing.is_empty() && !existing.ends_with(b"\n") {
        all.push(b'\n');
    }
    all.extend_from_slice(format!("\n# Added by gp-agent.\n{INCLUDE}\n").as_bytes());
    all
}

/// What postgresql.conf says behind the include line, and so after gp-agent.conf; `None` without that line.
pub(crate) fn behind_include(main: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    for line in main.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii() == INCLUDE.as_bytes() {
            return main.get(at..);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn configured_parameters_come_last() {
        let parameters = BTreeMap::from([("max_wal_senders".to_string(), "20".to_string())]);
        let derived = Derived {
            name: "max_wal_senders",
            value: "5".into(),
            why: "half of ten".into(),
        };
        let text = render(&[("cluster_name", "segment-a-0")], &[derived], &parameters);
        assert!(text.contains("cluster_name = 'segment-a-0'\n# half of ten:\nmax_wal_senders = '5'\n"));
        assert!(text.ends_with("max_wal_senders = '20'\n"));
    }

    #[test]
    fn what_changes_by_itself_is_included_last_and_once() {
        let once = with_last("work_mem = '1MB'\n", SYNC_FILE);
        assert_eq!(once, "work_mem = '1MB'\ninclude_if_exists = 'gp-agent-sync.conf'\n");
        assert_eq!(with_last(&once, SYNC_FILE), once);
    }

    proptest! {
        #[test]
        fn including_twice_is_including_once(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let once = with_include(&text);
            prop_assert!(once.starts_with(&text));
            prop_assert_eq!(with_include(&once), once);
        }
    }
}
