//! The whole cluster as one agent sees it, and the table that a person reads.

use crate::domain::finding::Severity;
use crate::domain::health;
use crate::domain::status::{Phase, PodStatus};
use crate::domain::topology::Role;
use serde::{Deserialize, Serialize};

/// One pod of the topology and what its agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Short host name.
    pub pod: String,
    /// The role it was made for.
    pub role: Option<Role>,
    /// Its content id.
    pub content: i32,
    /// Its agent's answer.
    pub status: Option<PodStatus>,
    /// Why there is none.
    pub error: Option<String>,
}

impl Entry {
    /// The pod that was asked, about itself.
    pub fn own(status: PodStatus) -> Entry {
        Entry {
            pod: status.pod.clone(),
            role: status.preferred_role,
            content: status.content,
            status: Some(status),
            error: None,
        }
    }

    fn ready(&self, now: u64) -> bool {
        self.status
            .as_ref()
            .is_some_and(|s| health::ready(s, now).ok)
    }
}

/// Whether every pod is ready.
pub fn all_ready(entries: &[Entry], now: u64) -> bool {
    entries.iter().all(|e| e.ready(now))
}

/// ANSI colours of the state column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Green,
    Yellow,
    Red,
    Plain,
}

impl Colour {
    fn paint(self, text: &str, on: bool) -> String {
        let code = match self {
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Red => "31",
            Colour::Plain => return text.to_string(),
        };
        if on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}

struct Row {
    cells: [String; 7],
    colour: Colour,
}

const HEAD: [&str; 7] = [
    "POD",
    "ROLE",
    "CONTENT",
    "STATE",
    "SINCE",
    "PID",
    "REPLICATION",
];
const STATE: usize = 3;

/// The table, with the findings of all pods below it.
pub fn table(entries: &[Entry], now: u64, colour: bool) -> String {
    let cluster = entries
        .iter()
        .find_map(|e| e.status.as_ref())
        .map_or("", |s| s.cluster.as_str());
    let ready = entries.iter().filter(|e| e.ready(now)).count();
    let mut text = format!(
        "cluster {cluster}: {} pods, {ready} ready\n\n",
        entries.len()
    );
    let rows: Vec<Row> = entries.iter().map(|e| row(e, now)).collect();
    let width = |i: usize| {
        let cells = rows.iter().map(|r| r.cells[i].chars().count());
        cells.chain([HEAD[i].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let head = Row {
        cells: HEAD.map(str::to_string),
        colour: Colour::Plain,
    };
    for row in std::iter::once(&head).chain(&rows) {
        text.push_str(&line(row, &widths, colour));
    }
    text.push_str(&notes(entries, now, colour));
    text
}

fn line(row: &Row, widths: &[usize], colour: bool) -> String {
    let mut line = String::new();
    for (i, cell) in row.cells.iter().enumerate() {
        let padded = format!("{cell:<width$}", width = widths[i]);
        if i == STATE {
            line.push_str(&row.colour.paint(&padded, colour));
        } else {
            line.push_str(&padded);
        }
        line.push_str("  ");
    }
    format!("{}\n", line.trim_end())
}

fn row(entry: &Entry, now: u64) -> Row {
    let content = entry.content.to_string();
    let made_for = entry.role.map_or_else(|| "?".into(), |r| r.to_string());
    let Some(status) = &entry.status else {
        let dash = || "-".to_string();
        return Row {
            cells: [
                entry.pod.clone(),
                made_for,
                content,
                "unreachable".into(),
                dash(),
                dash(),
                dash(),
            ],
            colour: Colour::Red,
        };
    };
    let role = match (status.active_role, entry.role) {
        (Some(active), Some(preferred)) if active != preferred => {
            format!("{active} (made as {preferred})")
        }
        _ => made_for,
    };
    let (state, colour) = state(status, now);
    let pid = status
        .postmaster
        .pid
        .map_or_else(|| "-".into(), |pid| pid.to_string());
    let since = ago(now.saturating_sub(status.phase_since));
    Row {
        cells: [
            entry.pod.clone(),
            role,
            content,
            state,
            since,
            pid,
            replication(status),
        ],
        colour,
    }
}

fn state(status: &PodStatus, now: u64) -> (String, Colour) {
    if health::ready(status, now).ok {
        return ("ready".into(), Colour::Green);
    }
    let word = serde_json::to_value(status.phase)
        .ok()
        .and_then(|v| v.as_str().map(str::to_string))
        .unwrap_or_default();
    match status.phase {
        Phase::Refused | Phase::CrashLoop | Phase::Hung | Phase::Crashed => (word, Colour::Red),
        Phase::Running => ("not ready".into(), Colour::Red),
        _ => (word, Colour::Yellow),
    }
}

fn replication(status: &PodStatus) -> String {
    let links: Vec<String> = status
        .replication
        .iter()
        .map(|r| {
            let peer = r.peer.split('.').next().unwrap_or_default();
            let arrow = if r.sync_state.is_empty() { "<-" } else { "->" };
            let lag = r.lag_bytes.map_or_else(|| "?".into(), bytes);
            format!("{arrow} {peer} {} lag {lag}", r.state)
        })
        .collect();
    if links.is_empty() {
        "-".into()
    } else {
        links.join(", ")
    }
}

fn bytes(n: i64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn notes(entries: &[Entry], now: u64, colour: bool) -> String {
    let mut text = String::new();
    for entry in entries {
        let mut lines: Vec<(Colour, String)> = Vec::new();
        lines.extend(entry.error.iter().map(|e| (Colour::Red, e.clone())));
        if let Some(status) = &entry.status {
            if !entry.ready(now) {
                lines.push((Colour::Yellow, health::ready(status, now).why));
            }
            lines.extend(status.findings.iter().map(|f| {
                let colour = if f.severity == Severity::Error {
                    Colour::Red
                } else {
                    Colour::Yellow
                };
                (colour, f.to_string())
            }));
        }
        for (tone, line) in lines {
            text.push_str(&format!("  {}: {}\n", entry.pod, tone.paint(&line, colour)));
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::tests::status;
    use crate::domain::status::ReplicationStatus;

    fn entries() -> Vec<Entry> {
        let mut primary = status(Phase::Running, Some(Role::Primary));
        primary.cluster = "warehouse".into();
        primary.preferred_role = Some(Role::Primary);
        primary.content = 0;
        primary.phase_since = 40;
        primary.postmaster.pid = Some(17);
        primary.replication = vec![ReplicationStatus {
            peer: "segment-b-0".into(),
            state: "streaming".into(),
            sync_state: "async".into(),
            lag_bytes: Some(2048),
        }];
        let gone = Entry {
            pod: "segment-b-0".into(),
            role: Some(Role::Mirror),
            content: 0,
            status: None,
            error: Some("its name does not resolve".into()),
        };
        vec![Entry::own(primary), gone]
    }

    #[test]
    fn a_table_a_person_can_read() {
        insta::assert_snapshot!(table(&entries(), 100, false), @r"
        cluster warehouse: 2 pods, 1 ready

        POD          ROLE     CONTENT  STATE        SINCE  PID  REPLICATION
        segment-a-0  primary  0        ready        60 s   17   -> segment-b-0 streaming lag 2.0 KiB
        segment-b-0  mirror   0        unreachable  -      -    -

          segment-b-0: its name does not resolve
        ");
        assert!(!all_ready(&entries(), 100));
    }

    #[test]
    fn colour_only_when_asked() {
        assert!(!table(&entries(), 100, false).contains('\x1b'));
        assert!(table(&entries(), 100, true).contains("\x1b[32mready"));
    }
}
