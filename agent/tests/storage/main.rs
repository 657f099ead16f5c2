//! The proof of a volume against real file systems, each mounted in a mount namespace that ends with its test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod mounts;
mod processes;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/skipped.rs"]
mod skipped;

use gp_agent::internals::storage::{StorageError, prove, prove_all, same_device};
use gp_agent::internals::storage::{set_aside, write_atomically};
use gp_agent_core::cluster::volume::VolumeFacts;
use gp_agent_core::cluster::volume::VolumePurpose;
use gp_agent_core::config::Require;
use gp_agent_core::finding::{Finding, Severity};
use gp_agent_core::storage::{Alignment, DirectIo, Observation, judge};
use mounts::{disk, entries, ext4, mounted, private_directory, proved, run};
use skipped::skipped;
use std::fs;
use std::io::Write;
use std::path::Path;

fn judged(seen: &Observation, require: Require) -> (VolumeFacts, Vec<Finding>) {
    judge(seen, require, 0)
}

fn errors(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .map(Finding::to_string)
        .collect()
}

/// Linux 6.6 gave tmpfs O_DIRECT.
fn tmpfs_takes_o_direct() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse().ok());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    version >= (6, 6)
}

#[test]
fn tmpfs_is_recognised_although_its_o_direct_succeeds() {
    let Some(dir) = private_directory() else {
        return;
    };
    let volume = mounted(&dir, "greenplum", "tmpfs", "size=64m");
    let seen = proved(&volume).unwrap();
    assert_eq!(seen.file_system.kind, "tmpfs");
    assert_eq!(seen.file_system.mount_point, volume);
    if tmpfs_takes_o_direct() {
        assert_eq!(seen.direct_io, DirectIo::Works);
        assert_eq!(seen.takes_single_bytes, Some(true));
    } else {
        assert!(matches!(seen.direct_io, DirectIo::Failed { step: "open", .. }));
    }
    let (status, findings) = judged(&seen, Require::Durable);
    assert!(!status.durable);
    let found = errors(&findings).join("\n");
    assert!(found.contains("a tmpfs"), "{found}");
    assert!(found.contains(volume.to_str().unwrap()), "{found}");
    assert!(errors(&judged(&seen, Require::Any).1).is_empty());
}

#[test]
fn ramfs_refuses_o_direct_and_is_no_disk() {
    let Some(dir) = private_directory() else {
        return;
    };
    let volume = mounted(&dir, "greenplum", "ramfs", "mode=755");
    let seen = proved(&volume).unwrap();
    assert_eq!(seen.file_system.kind, "ramfs");
    let refused = matches!(seen.direct_io, DirectIo::Failed { step: "open", .. });
    assert!(refused, "{seen:?}");
    assert_eq!(errors(&judged(&seen, Require::Durable).1).len(), 2);
    assert_eq!(errors(&judged(&seen, Require::DirectIo).1).len(), 1);
    assert!(errors(&judged(&seen, Require::Any).1).is_empty());
}

fn is_a_disk(kind: &str, mib: u64) -> Option<Observation> {
    let dir = private_directory()?;
    let volume = disk(&dir, kind, mib, &[], "loop")?;
    let seen = proved(&volume).unwrap();
    let fs = &seen.file_system;
    assert_eq!(fs.kind, kind);
    assert_eq!(fs.mount_point, volume);
    let device = fs.device.as_deref().unwrap();
    assert!(device.starts_with("loop"), "{fs:?}");
    assert_eq!(fs.source, format!("/dev/{device}"));
    assert_eq!(seen.direct_io, DirectIo::Works);
    assert_ne!(seen.alignment, Alignment::Unsupported);
    assert!(seen.fsync.samples > 0 && seen.fsync.p50 <= seen.fsync.p99);
    let (status, findings) = judged(&seen, Require::Durable);
    assert!(status.durable);
    assert!(errors(&findings).is_empty(), "{findings:?}");
    assert_eq!(errors(&judge(&seen, Require::Durable, 4096).1).len(), 1);
    Some(seen)
}

#[test]
fn ext4_is_a_disk() {
    let seen = is_a_disk("ext4", 64);
    assert!(seen.is_none_or(|seen| seen.takes_single_bytes == Some(false)));
}

#[test]
fn xfs_is_a_disk() {
    let seen = is_a_disk("xfs", 300);
    assert!(seen.is_none_or(|seen| seen.takes_single_bytes == Some(false)));
}

/// Its number is no device's, and what is not aligned goes through the page cache.
#[test]
fn btrfs_is_a_disk() {
    let seen = is_a_disk("btrfs", 128);
    assert!(seen.is_none_or(|seen| seen.takes_single_bytes == Some(true)));
}

#[test]
fn ext4_that_journals_data_only_pretends_o_direct() {
    let Some(dir) = private_directory() else {
        return;
    };
    let Some(volume) = ext4(&dir, 64, &[], "loop,data=journal") else {
        return;
    };
    let seen = proved(&volume).unwrap();
    if seen.alignment == Alignment::Unknown {
        return skipped("this kernel has no STATX_DIOALIGN");
    }
    assert_eq!(seen.alignment, Alignment::Unsupported);
    let (_, findings) = judged(&seen, Require::Durable);
    let told = findings.iter().any(|f| f.what.contains("page cache"));
    assert!(told, "{seen:?} {findings:?}");
}

#[test]
fn a_full_volume_is_told_from_other_failures() {
    let Some(dir) = private_directory() else {
        return;
    };
    let small = mounted(&dir, "tmpfs", "tmpfs", "size=16k");
    assert!(matches!(proved(&small), Err(StorageError::Full { .. })));
    let Some(volume) = ext4(&dir, 16, &[], "loop") else {
        return;
    };
    let mut filler = fs::File::create(volume.join("filler")).unwrap();
    let mut piece = vec![7; 1 << 20];
    while piece.len() > 1024 {
        if filler.write_all(&piece).and_then(|()| filler.sync_data()).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
    let error = proved(&volume).unwrap_err();
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
    assert!(error.to_string().contains("enlarge"), "{error}");
}

#[test]
fn a_volume_without_inodes_is_full_as_well() {
    let Some(dir) = private_directory() else {
        return;
    };
    let Some(volume) = ext4(&dir, 16, &["-N", "16"], "loop") else {
        return;
    };
    let mut n = 0;
    while fs::File::create(volume.join(format!("file{n}"))).is_ok() {
        n += 1;
    }
    let error = proved(&volume).unwrap_err();
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
}

#[test]
fn a_read_only_volume_is_refused() {
    let Some(dir) = private_directory() else {
        return;
    };
    let Some(volume) = ext4(&dir, 16, &[], "loop") else {
        return;
    };
    run("mount", &["-o", "remount,ro", volume.to_str().unwrap()]);
    let error = proved(&volume).unwrap_err();
    assert!(matches!(error, StorageError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("read-write"), "{error}");
}

#[test]
fn a_containers_layer_is_recognised() {
    let Some(dir) = private_directory() else {
        return;
    };
    let base = mounted(&dir, "base", "tmpfs", "size=64m");
    for name in ["lower", "upper", "work"] {
        fs::create_dir(base.join(name)).unwrap();
    }
    let base = base.display();
    let options = format!("lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work");
    let volume = mounted(&dir, "greenplum", "overlay", &options);
    let seen = proved(&volume).unwrap();
    assert_eq!(seen.file_system.kind, "overlay");
    let (status, findings) = judged(&seen, Require::Durable);
    assert!(!status.durable);
    let found = errors(&findings).join("\n");
    assert!(found.contains("layer of the container"), "{found}");
}

#[test]
fn what_is_not_a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let missing = prove(&dir.path().join("greenplum"), VolumePurpose::Data).unwrap_err();
    assert!(matches!(missing, StorageError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("storage.path"), "{missing}");
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    for wrong in [file.clone(), file.join("below")] {
        let error = prove(&wrong, VolumePurpose::Data).unwrap_err();
        let told = matches!(error, StorageError::NotADirectory { .. });
        assert!(told, "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(entries(dir.path()), ["file"]);
}

#[test]
fn probe_files_of_a_killed_run_are_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join(".gp-agent-probe-0123456789abcdef");
    fs::write(stale, [0; 512]).unwrap();
    fs::create_dir(dir.path().join(".gp-agent-probe-directory")).unwrap();
    fs::write(dir.path().join("PG_VERSION"), "15").unwrap();
    prove(dir.path(), VolumePurpose::Data).unwrap();
    assert_eq!(entries(dir.path()), [".gp-agent-probe-directory", "PG_VERSION"]);
}

#[test]
fn the_log_is_proven_where_it_is_another_file_system() {
    let Some(dir) = private_directory() else {
        return;
    };
    let data = mounted(&dir, "data", "tmpfs", "size=16m");
    let wal = mounted(&dir, "wal", "tmpfs", "size=16m");
    let inside = data.join("wal");
    fs::create_dir(&inside).unwrap();
    assert!(same_device(&data, &inside).unwrap());
    assert!(!same_device(&data, &wal).unwrap());
    let purposes = |wal: Option<&Path>| -> Vec<VolumePurpose> {
        let proofs = prove_all(&data, wal).into_iter();
        proofs.map(|p| p.unwrap().purpose).collect()
    };
    assert_eq!(purposes(None), [VolumePurpose::Data]);
    assert_eq!(purposes(Some(&inside)), [VolumePurpose::Data]);
    assert_eq!(purposes(Some(&wal)), [VolumePurpose::Data, VolumePurpose::Wal]);
    let missing = prove_all(&data, Some(&dir.path().join("missing")));
    assert!(matches!(missing[1], Err(StorageError::Missing { .. })));
}

#[test]
fn a_full_volume_keeps_its_files_whole() {
    let Some(dir) = private_directory() else {
        return;
    };
    let volume = mounted(&dir, "greenplum", "tmpfs", "size=64k");
    let hba = volume.join("pg_hba.conf");
    write_atomically(&hba, b"local all all peer\n", 0o600).unwrap();
    let error = write_atomically(&hba, &vec![b'#'; 128 << 10], 0o600).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let text = error.to_string();
    for word in ["pg_hba.conf", "free some space"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(fs::read(&hba).unwrap(), b"local all all peer\n");
    assert_eq!(entries(&volume), ["pg_hba.conf"]);
    // A rename needs no room.
    let aside = set_aside(&hba).unwrap();
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert_eq!(entries(&volume), [name]);
}
