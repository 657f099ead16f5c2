//! A cluster.yaml with fewer segments than the catalog lists: a coordinator that went by it would know nothing of the rest, which FTS
//! and every query go on with.

use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// By the snapshot of the catalog on the volume of a coordinator; nothing where there is none.
pub(crate) fn find(config: &Config) -> Option<Finding> {
    if !config.engine.has_catalog() {
        return None;
    }
    let snapshot = std::fs::read(config.storage.path.join(".gp-agent/catalog.json")).ok()?;
    let catalog: Catalog = serde_json::from_slice(&snapshot).ok()?;
    let listed = catalog.segments.iter().map(|row| row.content.number()).max()? + 1;
    let count = config.segments.count;
    (i64::from(listed) > i64::from(count)).then(|| {
        Finding::error(
            Area::Config,
            "segments.count",
            format!("is {count}, and the catalog lists {listed} contents, which no tool takes out of it again"),
            format!("set it to {listed}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::fixtures::{large_catalog, large_topology};

    #[test]
    fn fewer_segments_than_the_catalog_has_are_told() {
        let volume = tempfile::tempdir().unwrap();
        let config = |engine: &str, count: u32| {
            let place = volume.path().display();
            let text =
                format!("cluster: w\nengine: {engine}\nsegments: {{ count: {count} }}\nstorage: {{ path: {place} }}\n");
            gp_agent_core::config::load(&text, "cluster.yaml", std::iter::empty()).unwrap()
        };
        assert_eq!(find(&config("greenplum", 1)), None, "nothing is known");
        let state = volume.path().join(".gp-agent");
        std::fs::create_dir(&state).unwrap();
        let catalog = large_catalog(&large_topology(3));
        std::fs::write(state.join("catalog.json"), serde_json::to_vec(&catalog).unwrap()).unwrap();
        let told = find(&config("greenplum", 2)).unwrap().to_string();
        assert_eq!(
            told,
            "error config segments.count: is 2, and the catalog lists 3 contents, which no tool takes out of it again; set it to 3"
        );
        assert_eq!(find(&config("greenplum", 3)), None);
        assert_eq!(find(&config("greenplum", 4)), None, "an expansion");
        assert_eq!(find(&config("postgres", 2)), None);
    }
}
