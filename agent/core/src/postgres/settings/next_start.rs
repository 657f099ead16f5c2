//! What waits for a restart, and what is known of that restart before anybody makes it: a trial proves neither the memory that a
//! server takes, nor the directory of its log.

use crate::config::is_on;
use crate::finding::{Area, Finding};
use crate::resources::{Limit, MIB};
use std::collections::BTreeMap;

/// Those of which a trial knows nothing.
const OF_MEMORY: [&str; 2] = ["min_dynamic_shared_memory", "shared_buffers"];

/// Bytes of PostgreSQL's block; Greenplum's is larger.
const BLOCK: u64 = 8 << 10;

const MEND: &str = "mend it before the pod restarts: `parameters` in cluster.yaml, or ALTER SYSTEM where that set it";

/// What there is for a server that starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Bytes beyond which the kernel refuses to map memory, where that is known.
    pub most_memory: Option<u64>,
    /// The container's limit, where all that a server takes counts.
    pub limit: Option<Limit>,
    /// That no file can be made in `log_directory`.
    pub no_log: bool,
}

/// What waits for a restart; and what keeps that restart from coming up, also where nothing waits. `next` has the values of the
/// next start: of `log_directory`, `logging_collector`, `min_dynamic_shared_memory` and `shared_buffers`. Nothing is said that is
/// not certain.
pub fn waits_for_restart(pending: &[String], next: &BTreeMap<String, String>, ground: &Ground) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What does not wait, the server that runs has.
    if pending.iter().any(|name| OF_MEMORY.contains(&name.as_str())) {
        findings.extend(too_much_memory(next, ground));
    }
    findings.extend(no_log(next, ground));
    // Whoever is told to mend something before the restart is not told to restart.
    if findings.is_empty() && !pending.is_empty() {
        findings.push(Finding::warning(
            Area::Postgres,
            pending.join(", "),
            "changed in the configuration, but takes effect only after a restart of the postmaster",
            "restart the pod when convenient",
        ));
    }
    findings
}

fn too_much_memory(next: &BTreeMap<String, String>, ground: &Ground) -> Option<Finding> {
    let value = |name: &str| next.get(name).map(String::as_str).unwrap_or_default();
    let buffers = value("shared_buffers");
    let bytes = memory(buffers, BLOCK).unwrap_or_default();
    let bytes = bytes.saturating_add(memory(value("min_dynamic_shared_memory"), MIB).unwrap_or_default());
    let what = match (ground.most_memory, &ground.limit) {
        (Some(most), _) if bytes > most => format!(
            "the next start of the server fails with {buffers}: it takes {} MiB at once, and the machine has {} MiB with its swap",
            bytes / MIB,
            most / MIB
        ),
        (_, Some(limit)) if bytes > limit.value => format!(
            "after the next start of the server ({buffers}) the kernel kills it for memory once it uses what it takes, {} MiB: the container's limit is {} MiB ({})",
            bytes / MIB,
            limit.value / MIB,
            limit.file.display()
        ),
        _ => return None,
    };
    Some(Finding::error(Area::Postgres, "shared_buffers", what, MEND))
}

/// A reload takes another `log_directory` without a word.
fn no_log(next: &BTreeMap<String, String>, ground: &Ground) -> Option<Finding> {
    let collects = next.get("logging_collector").is_some_and(|value| is_on(value));
    let dir = next.get("log_directory").filter(|_| collects && ground.no_log)?;
    let what = format!("the next start of the server fails with logging_collector = on: in {dir} no file can be made");
    Some(Finding::error(Area::Postgres, "log_directory", what, MEND))
}

/// Bytes of a value as the server reads it (guc.c, parse_int), `unit` being those of a number without one; `None` for
/// what else there is, such as hexadecimal digits. A server with larger blocks takes more.
fn memory(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, name) = text.split_at(end);
    let unit = match name.trim_start() {
        "" => unit,
        "B" => 1,
        "kB" => 1 << 10,
        "MB" => MIB,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(whole) => Some(whole.saturating_mul(unit)),
        Err(_) => {
            let (whole, _) = number.split_once('.')?;
            Some(whole.parse::<u64>().ok()?.saturating_mul(unit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(pending: &[&str], next: &[(&str, &str)], ground: &Ground) -> Vec<String> {
        let pending: Vec<String> = pending.iter().map(ToString::to_string).collect();
        let next = next
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let found = waits_for_restart(&pending, &next, ground);
        found
            .iter()
            .map(|f| format!("{} {}: {}", f.severity, f.subject, f.what))
            .collect()
    }

    #[test]
    fn sizes_as_the_server_reads_them() {
        for (text, bytes) in [
            ("900GB", Some(900 << 30)),
            ("16 MB", Some(16 << 20)),
            ("1.5GB", Some(1 << 30)),
            ("1000", Some(8_192_000)),
            ("64mb", None),
            ("", None),
            ("0x10", None),
            ("-1", None),
        ] {
            assert_eq!(memory(text, BLOCK), bytes, "{text}");
        }
        assert_eq!(memory("99999999999999999TB", 1), Some(u64::MAX));
    }

    #[test]
    fn a_restart_is_advised_only_where_it_may_come_up() {
        let machine = Ground {
            most_memory: Some(16 << 30),
            limit: Some(Limit {
                value: 512 * MIB,
                file: "/memory.max".into(),
            }),
            no_log: true,
        };
        let advice = "warning shared_buffers: changed in the configuration, but takes effect only after a restart of the postmaster";
        let buffers = |value| [("shared_buffers", value), ("logging_collector", "off")];
        let waits = ["shared_buffers"];
        assert_eq!(told(&waits, &buffers("128MB"), &machine), [advice]);
        assert_eq!(told(&[], &buffers("900GB"), &machine), [""; 0], "it has it");
        assert_eq!(
            told(&waits, &buffers("900GB"), &machine),
            [
                "error shared_buffers: the next start of the server fails with 900GB: it takes 921600 MiB at once, and the machine has 16384 MiB with its swap"
            ]
        );
        assert_eq!(
            told(&waits, &buffers("1GB"), &machine),
            [
                "error shared_buffers: after the next start of the server (1GB) the kernel kills it for memory once it uses what it takes, 1024 MiB: the container's limit is 512 MiB (/memory.max)"
            ]
        );
        assert_eq!(
            told(&waits, &buffers("900GB"), &Ground::default()),
            [advice],
            "nothing is known"
        );
        let log = [("logging_collector", "Yes"), ("log_directory", "/nowhere/log")];
        let refused = "error log_directory: the next start of the server fails with logging_collector = on: in /nowhere/log no file can be made";
        assert_eq!(told(&["logging_collector"], &log, &machine), [refused]);
        assert_eq!(told(&[], &log, &machine), [refused], "a reload takes it without a word");
        assert_eq!(told(&[], &log, &Ground::default()), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_value_is_too_strange(value in "\\PC{0,12}") {
            let _ = memory(&value, BLOCK);
        }
    }
}
