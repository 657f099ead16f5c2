//! Two who write.

use super::child::Writer;
use super::*;
use crate::freeze::freeze;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};

async fn begun(directory: &Path) -> FileAuthority {
    let authority = open(directory, "uid-9");
    authority.write(record(1), None, PATIENCE).await.unwrap();
    authority
}

#[tokio::test]
async fn of_two_who_write_a_thousand_times_each_none_loses_an_update() {
    let dir = tempfile::tempdir().unwrap();
    let authority = begun(dir.path()).await;
    let mut writers = ["uid-0", "uid-1"].map(|uid| Writer::start(dir.path(), uid, 1000));
    let mut all: Vec<u64> = Vec::new();
    // They are read in turn: a pipe holds less than what each says.
    while let [Some(one), Some(other)] = writers.each_mut().map(Writer::written) {
        all.extend([one, other]);
    }
    all.sort_unstable();
    assert_eq!(all, (2..=2001).collect::<Vec<u64>>());
    let (last, _) = read(&authority).await;
    assert_eq!((last.serial, last.epoch), (2001, 1 + 200));
}

#[tokio::test]
async fn a_writer_that_is_killed_at_any_moment_leaves_a_whole_record_and_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let authority = begun(dir.path()).await;
    for round in 0..30 {
        let mut writer = Writer::start(dir.path(), "uid-0", 0);
        // A renewal, or one that has to be on disk.
        for _ in 0..=round % 10 {
            writer.written().unwrap();
        }
        writer.child.kill().unwrap();
        writer.child.wait().unwrap();
        let (mut record, version) = read(&authority).await;
        record.serial += 1;
        authority.write(record, Some(version), WITHIN).await.unwrap();
    }
}

#[tokio::test]
async fn a_writer_that_is_stopped_writes_nothing_late() {
    let dir = tempfile::tempdir().unwrap();
    let authority = begun(dir.path()).await;
    let mut writer = Writer::start(dir.path(), "uid-0", 0);
    let pid = Pid::from_child(&writer.child);
    let writes = i32::try_from(writer.child.id()).unwrap();
    for _ in 0..50 {
        writer.written().unwrap();
        freeze(writes);
        let (mut record, version) = read(&authority).await;
        record.serial += 1;
        // It was stopped within its short moment with the lock, or it was not.
        match authority
            .write(record.clone(), Some(version), Duration::from_millis(100))
            .await
        {
            Ok(version) => {
                assert_eq!(read(&authority).await, (record, version));
            }
            Err(WriteError::Conflict) => {}
            Err(WriteError::Failed(AuthorityError::Unavailable(_))) => eprintln!("stopped while it held the lock"),
            // The next round reads whether it came.
            Err(WriteError::Unknown(error)) => eprintln!("a slow disk: {error}"),
            Err(other) => panic!("{other}"),
        }
        kill_process(pid, Signal::CONT).unwrap();
    }
}

#[tokio::test]
async fn a_lock_that_is_held_by_who_stands_still_is_waited_for_no_longer_than_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let authority = begun(dir.path()).await;
    let (_, version) = read(&authority).await;
    let path = dir.path().join(".warehouse-coordinator.lock");
    let lock = File::open(&path).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let error = not_written(
        authority
            .write(record(2), Some(version.clone()), Duration::from_millis(200))
            .await,
    );
    let words = error.to_string();
    assert!(matches!(error, AuthorityError::Unavailable(_)), "{words}");
    assert!(
        words.contains("a process that stands still holds") && words.contains(path.to_str().unwrap()),
        "{words}"
    );
    assert_eq!(read(&authority).await.0, record(1), "who reads needs no lock");
    // A lock on a file that was removed keeps nobody out.
    std::fs::remove_file(&path).unwrap();
    let version = authority.write(record(2), Some(version), WITHIN).await.unwrap();
    drop(lock);
    let fifo = OpenOptions::new().read(true).open(&path);
    assert!(fifo.is_ok(), "it was made anew");
    authority.write(record(3), Some(version), WITHIN).await.unwrap();
}
