//! The cells of one row.

use super::paint::Tone;
use gp_agent_core::cluster::replication::StreamState;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::status::{LastAnswer, Phase, PodStatus};
use gp_agent_core::finding::Severity;
use gp_agent_core::log::printable::printable;

pub(super) struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// As many cells as the heading has.
pub(super) type Row = Vec<Cell>;

/// Where the catalog's column is put.
const CATALOG: usize = 2;

fn cell(tone: Tone, text: impl AsRef<str>) -> Cell {
    Cell {
        text: printable(text.as_ref()),
        tone,
    }
}

/// `catalog`: whether there is a column for it.
pub(super) fn head(catalog: bool) -> Row {
    let words = [
        "POD",
        "ROLE",
        "PHASE",
        "READY",
        "POSTMASTER",
        "REPLICATION",
        "FINDINGS",
        "SINCE",
    ];
    let mut row: Row = words.map(|word| cell(Tone::Quiet, word)).into();
    if catalog {
        row.insert(CATALOG, cell(Tone::Quiet, "CATALOG"));
    }
    row
}

pub(super) fn row(entry: &PodReport, catalog: bool) -> Row {
    let mut row: Row = match &entry.status {
        Some(report) => answered(entry, report).into(),
        None => silent(entry).into(),
    };
    if catalog {
        row.insert(CATALOG, listing(entry));
    }
    row
}

/// Role, preferred role, mode and status; in brackets when it is what the catalog last said; with `!` when the pod
/// contradicts it.
fn listing(entry: &PodReport) -> Cell {
    let (text, plain) = match &entry.catalog {
        Some(listing) if listing.live => (listing.row.to_string(), Tone::Plain),
        Some(listing) => (format!("({})", listing.row), Tone::Quiet),
        None => ("-".to_string(), Tone::Quiet),
    };
    match entry.contradictions.iter().map(|f| f.severity).max() {
        None | Some(Severity::Info) => cell(plain, text),
        Some(Severity::Warning) => cell(Tone::Waiting, format!("{text} !")),
        Some(Severity::Error) => cell(Tone::Bad, format!("{text} !")),
    }
}

fn silent(entry: &PodReport) -> [Cell; 8] {
    let role = entry.role.map_or("-".into(), |r| format!("({r})"));
    let dash = || cell(Tone::Quiet, "-");
    [
        cell(Tone::Plain, &entry.pod),
        cell(Tone::Quiet, role),
        cell(Tone::Bad, "no answer"),
        cell(Tone::Bad, "no"),
        dash(),
        dash(),
        findings(entry),
        dash(),
    ]
}

fn answered(entry: &PodReport, report: &Report) -> [Cell; 8] {
    let status = &report.status;
    let ready = if report.ready.ok {
        cell(Tone::Good, "yes")
    } else {
        cell(not_ready(status.phase), "no")
    };
    let since = ago(report.now.saturating_sub(status.phase_since));
    [
        cell(Tone::Plain, &entry.pod),
        role(entry, status),
        cell(phase(status.phase), status.phase.as_str()),
        ready,
        postmaster(status),
        replication(status),
        findings(entry),
        cell(Tone::Plain, since),
    ]
}

/// In brackets while the pod does no role, with a star when it does another one than it was made for.
fn role(entry: &PodReport, status: &PodStatus) -> Cell {
    match (status.active_role, entry.role) {
        (Some(active), Some(made_for)) if active != made_for => cell(Tone::Waiting, format!("{active}*")),
        (Some(active), _) => cell(Tone::Plain, active.to_string()),
        (None, Some(made_for)) => cell(Tone::Quiet, format!("({made_for})")),
        (None, None) => cell(Tone::Quiet, "-"),
    }
}

fn phase(phase: Phase) -> Tone {
    match phase {
        Phase::Running => Tone::Good,
        Phase::Refused | Phase::Crashed | Phase::CrashLoop | Phase::Hung => Tone::Bad,
        _ => Tone::Waiting,
    }
}

fn not_ready(of: Phase) -> Tone {
    match phase(of) {
        Tone::Waiting => Tone::Waiting,
        _ => Tone::Bad,
    }
}

fn postmaster(status: &PodStatus) -> Cell {
    match status.postmaster.pid {
        None => cell(Tone::Quiet, "-"),
        Some(pid) if status.postmaster.answer == LastAnswer::Ok => cell(Tone::Plain, format!("{pid} ok")),
        Some(pid) => cell(Tone::Waiting, format!("{pid} up")),
    }
}

/// One cell for all links: the state of the worst, the lag of the farthest behind.
fn replication(status: &PodStatus) -> Cell {
    let links = &status.replication;
    let Some(first) = links.first() else {
        return cell(Tone::Quiet, "-");
    };
    let worst = links.iter().find(|r| r.state != StreamState::Streaming);
    let number = match links.len() {
        1 => String::new(),
        n => format!("{n} "),
    };
    let lag = match links.iter().filter_map(|r| r.lag_bytes).max() {
        Some(lag) => format!(", {}", bytes(lag)),
        None => String::new(),
    };
    let tone = match worst {
        Some(_) => Tone::Waiting,
        None => Tone::Plain,
    };
    cell(tone, format!("{number}{}{lag}", worst.unwrap_or(first).state))
}

fn findings(entry: &PodReport) -> Cell {
    let tone = match entry.findings().map(|f| f.severity).max() {
        None => return cell(Tone::Quiet, "-"),
        Some(Severity::Error) => Tone::Bad,
        Some(Severity::Warning) => Tone::Waiting,
        Some(Severity::Info) => Tone::Plain,
    };
    cell(tone, entry.findings().count().to_string())
}

/// `0 B`, `1023 B`, `1.0 KiB`, ...
pub(super) fn bytes(n: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{} B", n.max(0));
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `59 s`, `59 min`, `23 h`, `3 d`; two units while the second one matters.
pub(super) fn ago(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..36_000 => format!("{hours} h {} min", minutes % 60),
        36_000..86_400 => format!("{hours} h"),
        86_400..864_000 => format!("{days} d {} h", hours % 24),
        _ => format!("{days} d"),
    }
}
