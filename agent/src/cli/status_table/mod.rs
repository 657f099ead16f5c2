//! The table that `gp-agent status` prints: a header line, a row per pod, then what an administrator should look at.

mod cells;
mod expansion;
mod failover;
mod notes;
mod paint;
mod recovery;
mod roles;
#[cfg(test)]
mod tests;

use cells::Row;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::log::printable::printable;
use paint::{Paint, Tone};

/// The whole text, with a line feed at its end. `colour`: whether it goes to a terminal.
pub(crate) fn render(entries: &[PodReport], colour: bool) -> String {
    let paint = Paint { on: colour };
    // Only where there is one.
    let catalog = entries
        .iter()
        .any(|e| e.catalog.is_some() || !e.contradictions.is_empty());
    let rows: Vec<Row> = std::iter::once(cells::head(catalog))
        .chain(entries.iter().map(|e| cells::row(e, catalog)))
        .collect();
    let mut text = header(entries, paint);
    text.push('\n');
    text.push_str(&table(&rows, paint));
    text.push_str(&notes::notes(entries, paint));
    text
}

fn header(entries: &[PodReport], paint: Paint) -> String {
    let reports = || entries.iter().filter_map(|e| e.status.as_ref());
    let cluster = reports()
        .map(|r| printable(&r.status.cluster))
        .find(|name| !name.is_empty());
    let ready = entries.iter().filter(|e| e.ready()).count();
    let findings: usize = entries.iter().map(|e| e.findings().count()).sum();
    let tone = match ready {
        n if n == entries.len() => Tone::Good,
        0 => Tone::Bad,
        _ => Tone::Waiting,
    };
    let mut line = format!(
        "{}: {}, {}",
        cluster.unwrap_or_else(|| "cluster not known yet".into()),
        count(entries.len(), "pod"),
        paint.paint(tone, &format!("{ready} ready")),
    );
    if findings > 0 {
        line.push_str(&format!(", {}", count(findings, "finding")));
    }
    line.push('\n');
    line
}

fn count(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// The heading comes first.
fn table(rows: &[Row], paint: Paint) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |i: usize| {
        let of = |row: &Row| row.get(i).map_or(0, |cell| cell.text.chars().count());
        rows.iter().map(of).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths, paint)).collect()
}

fn line(row: &Row, widths: &[usize], paint: Paint) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| {
        // Padding stays outside of the colour.
        let padding = width.saturating_sub(cell.text.chars().count());
        paint.paint(cell.tone, &cell.text) + &" ".repeat(padding)
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}
