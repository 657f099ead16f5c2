//! Who else sets what the agent sets or relies on, as the files say: so it is seen on a mirror too that answers no SQL.

use crate::engine::Engine;
use crate::lifecycle::pod::Pod;
use gp_agent_core::finding::{Finding, FindingSource};
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::{Overriding, assignments, overridden};
use std::collections::BTreeMap;
use std::path::Path;

/// Looks and reports. To be called in the volume's own time.
pub(super) fn report(pod: &Pod) {
    let found = look(&pod.engine, pod.dir());
    pod.board.findings(FindingSource::Overrides, found);
}

/// The same for whoever looks once. A file that cannot be read overrides nothing: the server says so itself.
pub(super) fn look(engine: &Engine, dir: &Path) -> Vec<Finding> {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap_or_default();
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    if engine.logs_to_standard_error() {
        // Not written, because that is so by itself.
        own.insert("logging_collector".into(), "off".into());
        own.insert("log_destination".into(), "stderr".into());
    }
    own.extend(assignments(&read(conf::FILE)));
    own.extend(assignments(&read(conf::SYNC_FILE)));
    overridden(&Overriding {
        dir: &dir.display().to_string(),
        auto_conf: &read("postgresql.auto.conf"),
        main: &read("postgresql.conf"),
        own: &own,
    })
}
