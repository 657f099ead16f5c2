//! What interrupted tests leave behind.

use super::LABEL;
use crate::docker;

/// Removes what the tests of processes that are gone, interrupted ones, have left behind.
pub fn sweep() {
    let filter = format!("label={LABEL}");
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let named = format!("{{{{.Name}}}} {{{{.Label \"{LABEL}\"}}}}");
    let kinds: [(&[&str], &str, &[&str]); 3] = [
        (&["ps", "--all"], &format, &["rm", "--force", "--volumes"]),
        (&["volume", "ls"], &named, &["volume", "rm"]),
        (&["network", "ls"], &format, &["network", "rm"]),
    ];
    for (list, format, remove) in kinds {
        let list = [list, &["--filter", &filter, "--format", format]].concat();
        let found = docker::docker(&list).unwrap_or_default();
        let owned = found.lines().filter_map(|line| line.split_once(' '));
        for (id, _) in owned.filter(|(_, pid)| !std::path::Path::new("/proc").join(pid).exists()) {
            let _ = docker::output(&[remove, &[id]].concat());
        }
    }
}
