//! Rows of gp_segment_configuration, of the monitor's query, of both ends of a stream: `|` between cells, `\\N` for null.

#![no_main]

use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::failover::stream_rows::{Receives, Sends};
use gp_agent_core::fixtures::large_topology;
use gp_agent_core::greenplum::catalog_drift::annotate;
use gp_agent_core::postgres::observation::Observation;
use gp_agent_core::recovery::expansion::facts::Schema;
use gp_agent_core::recovery::facts::{damage, role_changes, sizes};
use gp_agent_core::recovery::roles::replay_lag;
use std::sync::LazyLock;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| large_topology(2));

/// Every pod's row is its own, and what is said of both is said once, however often it is looked for.
fn drift(catalog: &Catalog) {
    let silent = |pod: &str| PodReport {
        pod: pod.into(),
        ..PodReport::default()
    };
    let mut entries: Vec<PodReport> = TOPOLOGY.members.iter().map(|member| silent(&member.pod)).collect();
    annotate(&mut entries, &TOPOLOGY, catalog);
    for (entry, member) in entries.iter().zip(&TOPOLOGY.members) {
        let row = entry.catalog.as_ref().map(|listing| &listing.row);
        assert!(row.is_none_or(|row| row.content == member.content && catalog.segments.contains(row)));
        assert!(
            row.is_some() || !entry.contradictions.is_empty(),
            "a pod that is not listed is no news"
        );
    }
    let once = format!("{entries:?}");
    annotate(&mut entries, &TOPOLOGY, catalog);
    assert_eq!(format!("{entries:?}"), once);
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let cell = |cell: &str| (cell != "\\N").then(|| cell.to_string());
    let rows: Vec<Vec<_>> = text.lines().map(|row| row.split('|').map(cell).collect()).collect();
    if let Some(segments) = Catalog::segments_from_rows(&rows) {
        assert_eq!(segments.len(), rows.len());
        role_changes::of(&rows, &segments);
        for live in [true, false] {
            let coordinator = rows.first().and_then(|row| row.first().cloned().flatten());
            drift(&Catalog {
                segments: segments.clone(),
                coordinator: coordinator.unwrap_or_default(),
                live,
                ..Catalog::default()
            });
        }
    }
    sizes::of(&rows);
    let pages = damage::highest(&Default::default(), &rows);
    assert_eq!(damage::highest(&pages, &rows), pages);
    replay_lag::of(&rows);
    for row in &rows {
        Schema::of_row(row);
        if let Some(seen) = Sends::of(row) {
            assert!(row.contains(&Some(seen.stream)) && row.contains(&Some(seen.names)));
            assert!(!seen.streams || row.contains(&Some("streaming".into())));
            assert!(seen.gives_up.is_none_or(|silence| !silence.is_zero()));
        }
        let seen = Receives::of(row);
        assert!(seen.streams.is_none() || row.contains(&Some("streaming".into())));
    }
    Observation::from_rows(&rows);
});
