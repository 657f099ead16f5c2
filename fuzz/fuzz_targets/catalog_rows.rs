//! Rows of gp_segment_configuration and of the monitor's query: `|` between cells, `\\N` for null.

#![no_main]

use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::postgres::observation::Observation;
use gp_agent_core::recovery::expansion::facts::Schema;
use gp_agent_core::recovery::facts::{damage, role_changes, sizes};
use gp_agent_core::recovery::roles::replay_lag;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let cell = |cell: &str| (cell != "\\N").then(|| cell.to_string());
    let rows: Vec<Vec<_>> = text.lines().map(|row| row.split('|').map(cell).collect()).collect();
    if let Some(segments) = Catalog::segments_from_rows(&rows) {
        assert_eq!(segments.len(), rows.len());
        role_changes::of(&rows, &segments);
    }
    sizes::of(&rows);
    let pages = damage::highest(&Default::default(), &rows);
    assert_eq!(damage::highest(&pages, &rows), pages);
    replay_lag::of(&rows);
    for row in &rows {
        Schema::of_row(row);
    }
    Observation::from_rows(&rows);
});
