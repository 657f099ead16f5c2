//! /proc/self/mountinfo.

#![no_main]

use gp_agent_core::storage::filesystems::name;
use gp_agent_core::storage::mountinfo::{find, parse};
use std::path::Path;

libfuzzer_sys::fuzz_target!(|table: &[u8]| {
    let mounts = parse(table);
    assert!(mounts.len() <= table.split(|byte| *byte == b'\n').count());
    let path = Path::new("/greenplum/gpseg0");
    match find(&mounts, None, path) {
        Some(found) => {
            let around = mounts.iter().filter(|mount| path.starts_with(&mount.point));
            assert!(path.starts_with(&found.point));
            assert!(around.into_iter().all(|mount| found.point.starts_with(&mount.point)));
        }
        None => assert!(mounts.iter().all(|mount| !path.starts_with(&mount.point))),
    }
    for mount in &mounts {
        assert_eq!(
            find(&mounts, Some(mount.id), path).map(|found| found.id),
            Some(mount.id)
        );
    }
    assert!(!name(table.len() as u64).is_empty());
});
