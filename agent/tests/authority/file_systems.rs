//! What file systems do to the record, and people.

use super::*;
use crate::mounts::{Private, entries, ext4, mounted, private_directory, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const FILE: &str = "warehouse-coordinator.json";

async fn dead(authority: &FileAuthority, uid: &str) -> Result<bool, AuthorityError> {
    authority.proof_of_death(&holder(uid), WITHIN).await
}

/// The whole of a record's life.
async fn works_on(directory: &Path) {
    let (ours, theirs) = (open(directory, "uid-0"), open(directory, "uid-1"));
    let (seen, absent) = ours.read(WITHIN).await.unwrap();
    assert_eq!(seen, Seen::Absent);
    let first = ours.write(record(1), None, WITHIN).await.unwrap();
    assert_eq!(
        theirs.read(WITHIN).await.unwrap(),
        (Seen::Record(record(1)), first.clone())
    );
    for over in [None, Some(absent), Some(Version("else".into()))] {
        let late = theirs.write(record(2), over, WITHIN).await;
        assert_eq!(late, Err(WriteError::Conflict));
    }
    let second = theirs.write(record(2), Some(first.clone()), WITHIN).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(
        ours.write(record(2), Some(first), WITHIN).await,
        Err(WriteError::Conflict)
    );
    assert_eq!(read(&ours).await, (record(2), second));
    ours.claim(WITHIN).await.unwrap();
    assert_eq!(dead(&theirs, "uid-0").await, Ok(false));
    assert_eq!(dead(&theirs, "uid-9").await, Ok(false), "nothing is known of it");
    drop(ours);
    assert_eq!(dead(&theirs, "uid-0").await, Ok(true));
    let expected = [".warehouse-coordinator.lock", "uid-0.lock", FILE];
    assert_eq!(entries(directory), expected, "nothing else is left behind");
}

#[tokio::test]
async fn on_memory_and_on_disks() {
    let Some(dir) = private_directory() else { return };
    works_on(&mounted(&dir, "tmpfs", "tmpfs", "size=1m")).await;
    works_on(&mounted(&dir, "ramfs", "ramfs", "mode=755")).await;
    let Some(disk) = ext4(&dir, 16, &[], "loop") else {
        return;
    };
    let disk = disk.join("shared");
    fs::create_dir(&disk).unwrap();
    works_on(&disk).await;
}

fn overlay(dir: &Private) -> PathBuf {
    for name in ["lower", "upper", "work"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let part = |name: &str| dir.path().join(name).display().to_string();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        part("lower"),
        part("upper"),
        part("work")
    );
    mounted(dir, "layer", "overlay", &options)
}

fn refused(directory: &Path) -> AuthorityError {
    FileAuthority::open(directory, "warehouse", "uid-0", None)
        .err()
        .unwrap()
}

#[tokio::test]
async fn a_containers_own_layer_is_refused() {
    let Some(dir) = private_directory() else { return };
    unusable(&refused(&overlay(&dir)), "this container's own layer");
}

#[tokio::test]
async fn a_file_system_of_others_is_refused() {
    let Some(dir) = private_directory() else { return };
    let (shown, kept) = (dir.path().join("shown"), dir.path().join("kept"));
    for path in [&shown, &kept] {
        fs::create_dir(path).unwrap();
    }
    if crate::harness::find("bindfs").is_none() {
        crate::skipped::skipped("FUSE cannot be tried: there is no bindfs(1); tests/run installs it");
        return;
    }
    run("bindfs", &[kept.to_str().unwrap(), shown.to_str().unwrap()]);
    unusable(&refused(&shown), "hides where its files are kept");
    run("umount", &[shown.to_str().unwrap()]);
}

#[tokio::test]
async fn a_read_only_directory_is_read_and_not_written() {
    let Some(dir) = private_directory() else { return };
    let volume = mounted(&dir, "tmpfs", "tmpfs", "size=1m");
    let authority = open(&volume, "uid-0");
    let version = authority.write(record(1), None, WITHIN).await.unwrap();
    run("mount", &["-o", "remount,ro", volume.to_str().unwrap()]);
    assert_eq!(read(&authority).await.0, record(1));
    let error = not_written(authority.write(record(2), Some(version.clone()), WITHIN).await);
    unusable(&error, "mount it read-write");
    unusable(&authority.claim(WITHIN).await.unwrap_err(), "mount it read-write");
    run("mount", &["-o", "remount,rw", volume.to_str().unwrap()]);
    authority.write(record(2), Some(version), WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_keeps_the_record_that_is_there() {
    let Some(dir) = private_directory() else { return };
    let volume = mounted(&dir, "tmpfs", "tmpfs", "size=64k");
    let authority = open(&volume, "uid-0");
    let version = authority.write(record(1), None, WITHIN).await.unwrap();
    let filler = volume.join("filler");
    assert!(fs::write(&filler, vec![0; 1 << 17]).is_err(), "it is not full");
    let error = not_written(authority.write(record(2), Some(version.clone()), WITHIN).await);
    unusable(&error, "free some space");
    assert_eq!(read(&authority).await.0, record(1));
    // Emptied first: a child that another test is starting may have it open for a moment longer.
    fs::write(&filler, []).unwrap();
    fs::remove_file(&filler).unwrap();
    authority.write(record(2), Some(version), WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_is_gone_is_not_taken_for_one_without_a_record() {
    let Some(dir) = private_directory() else { return };
    unusable(&refused(&dir.path().join("never")), "its directory must exist");
    let volume = mounted(&dir, "tmpfs", "tmpfs", "size=1m");
    let shared = volume.join("shared");
    fs::create_dir(&shared).unwrap();
    let authority = open(&shared, "uid-0");
    let version = authority.write(record(1), None, WITHIN).await.unwrap();
    fs::rename(&shared, volume.join("aside")).unwrap();
    unusable(&authority.read(WITHIN).await.unwrap_err(), "cannot open");
    unusable(
        &not_written(authority.write(record(2), Some(version.clone()), WITHIN).await),
        "cannot open",
    );
    unusable(
        &authority.proof_of_death(&holder("uid-1"), WITHIN).await.unwrap_err(),
        "cannot open",
    );
    fs::write(&shared, "").unwrap();
    assert!(authority.read(WITHIN).await.is_err());
    fs::remove_file(&shared).unwrap();
    fs::rename(volume.join("aside"), &shared).unwrap();
    authority.write(record(2), Some(version), WITHIN).await.unwrap();
}

#[tokio::test]
async fn what_is_no_record_is_garbled_and_is_written_over_only_by_who_saw_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let authority = open(dir.path(), "uid-0");
    let too_long = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 17));
    for (serial, text) in (1..).zip([
        &b""[..],
        b"{}",
        b"\xFF\xFE",
        too_long.as_bytes(),
        b"null\n",
        b"{\"format\":2}",
    ]) {
        fs::write(&path, text).unwrap();
        let (seen, version) = authority.read(WITHIN).await.unwrap();
        assert!(matches!(seen, Seen::Garbled(_)), "{seen:?}");
        let blind = authority.write(record(serial), None, WITHIN).await;
        assert_eq!(blind, Err(WriteError::Conflict));
        authority.write(record(serial), Some(version), WITHIN).await.unwrap();
        assert_eq!(read(&authority).await.0, record(serial));
    }
    fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    assert!(matches!(authority.read(WITHIN).await.unwrap().0, Seen::Garbled(_)));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let (seen, version) = authority.read(WITHIN).await.unwrap();
    assert!(matches!(seen, Seen::Garbled(_)));
    not_written(authority.write(record(9), Some(version), WITHIN).await);
}

#[tokio::test]
async fn a_change_by_hand_is_another_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let authority = open(dir.path(), "uid-0");
    let version = authority.write(record(1), None, WITHIN).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"epoch\":1", "\"epoch\":2")).unwrap();
    let over = authority.write(record(2), Some(version), WITHIN).await;
    assert_eq!(over, Err(WriteError::Conflict));
}

#[tokio::test]
async fn an_unfinished_record_of_an_agent_that_died_is_passed_over_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path(), "uid-0");
    let version = authority.write(record(1), None, WITHIN).await.unwrap();
    let unfinished = dir.path().join(".warehouse-coordinator.uid-0.new");
    fs::write(&unfinished, "{\"serial\":99").unwrap();
    assert_eq!(read(&authority).await.0, record(1));
    let late = authority.write(record(2), None, WITHIN).await;
    assert_eq!(late, Err(WriteError::Conflict));
    authority.write(record(2), Some(version), WITHIN).await.unwrap();
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_holders_name_is_no_path() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("shared");
    fs::create_dir(&inside).unwrap();
    fs::write(dir.path().join("x.lock"), "").unwrap();
    let authority = open(&inside, "uid-0");
    for uid in ["../x", "", ".", "a/b", &"x".repeat(200)] {
        assert_eq!(dead(&authority, uid).await, Ok(false), "{uid}");
    }
    let odd = open(&inside, "../x");
    unusable(&odd.claim(WITHIN).await.unwrap_err(), "is no UID");
}

#[tokio::test]
async fn who_waits_for_a_change_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (open(dir.path(), "uid-0"), open(dir.path(), "uid-1"));
    let mut version = None;
    for serial in 1..4 {
        version = Some(ours.write(record(serial), version, WITHIN).await.unwrap());
        tokio::time::timeout(PATIENCE, theirs.changed()).await.unwrap();
        assert_eq!(read(&theirs).await.0, record(serial));
    }
    // Given up and begun anew, it loses nothing; and what is no record's wakes nobody.
    let of_another = FileAuthority::open(dir.path(), "another", "uid-2", None).unwrap();
    fs::write(dir.path().join("another-coordinator.json"), "").unwrap();
    let woken = async {
        tokio::select! {
            biased;
            () = theirs.changed() => panic!("of another file"),
            () = of_another.changed() => {}
        }
    };
    tokio::time::timeout(PATIENCE, woken).await.unwrap();
    fs::remove_file(dir.path().join(FILE)).unwrap();
    tokio::time::timeout(PATIENCE, theirs.changed()).await.unwrap();
}
