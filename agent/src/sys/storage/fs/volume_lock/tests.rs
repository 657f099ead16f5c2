use super::*;
use std::os::unix::process::CommandExt;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_second_agent_is_told_who_holds_the_volume() {
    let dir = tempfile::tempdir().unwrap();
    let first = VolumeLock::acquire(dir.path(), "segment-a-0", &[]).unwrap();
    let refused = VolumeLock::acquire(dir.path(), "segment-a-1", &[]).unwrap_err();
    let LockError::Held { path, holder } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(path, first.path());
    let pid = format!("pod segment-a-0, pid {}, host ", std::process::id());
    assert!(holder.starts_with(&pid), "{holder}");
    assert!(!refused.to_string().contains('\n'));
    drop(first);
    // A shorter line replaces the longer one completely, and the file outlives its lock.
    let next = VolumeLock::acquire(dir.path(), "a", &[]).unwrap();
    let text = std::fs::read_to_string(next.path()).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("pod a, ") && text.ends_with("Z\n"), "{text}");
    assert_eq!(mode(&dir.path().join(".gp-agent")), 0o700);
    assert_eq!(mode(next.path()), 0o600);
}

#[test]
fn the_state_directory_is_made_private_again() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".gp-agent");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, Permissions::from_mode(0o2775)).unwrap();
    drop(VolumeLock::acquire(dir.path(), "p", &[]).unwrap());
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn an_impossible_state_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".gp-agent");
    std::fs::write(&state, "").unwrap();
    let error = VolumeLock::acquire(dir.path(), "p", &[]).unwrap_err().to_string();
    assert!(error.contains("not a directory"), "{error}");
    assert!(error.contains(state.to_str().unwrap()), "{error}");
}

#[test]
fn children_do_not_inherit_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let lock = VolumeLock::acquire(dir.path(), "first", &[]).unwrap();
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    drop(lock);
    VolumeLock::acquire(dir.path(), "second", &[]).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_kept_lock_outlives_its_agent_and_serves_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = Vec::new();
    let mut first = VolumeLock::acquire(dir.path(), "first", &[]).unwrap();
    for _ in 0..2 {
        // The second time there is nothing to give.
        let give = |lock: BorrowedFd<'_>| {
            kept.push(lock.try_clone_to_owned()?);
            Ok(())
        };
        first.share(give).unwrap();
    }
    assert_eq!(kept.len(), 1);
    drop(first);
    let refusal = || match VolumeLock::acquire(dir.path(), "foreign", &[]).unwrap_err() {
        LockError::Held { holder, .. } => holder,
        other => panic!("{other}"),
    };
    assert!(refusal().starts_with("pod first, "));
    // A lock of another file, which the next agent may have been given too, changes nothing.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = VolumeLock::acquire(elsewhere.path(), "other", &[]).unwrap();
    kept.insert(0, other.file.try_clone().unwrap().into());
    for next in ["second", "third"] {
        let lock = VolumeLock::acquire(dir.path(), next, &kept).unwrap();
        assert!(refusal().starts_with(&format!("pod {next}, ")));
        drop(lock);
        assert!(refusal().starts_with(&format!("pod {next}, ")));
    }
    drop(kept);
    VolumeLock::acquire(dir.path(), "foreign", &[]).unwrap();
}

#[test]
fn a_kept_lock_that_was_lost_is_refused_each_time_with_the_holders_name() {
    let dir = tempfile::tempdir().unwrap();
    let lost = VolumeLock::acquire(dir.path(), "lost", &[]).unwrap();
    let kept = [OwnedFd::from(lost.file.try_clone().unwrap())];
    drop(lost);
    let _theirs = VolumeLock::acquire(dir.path(), "theirs", &[]).unwrap();
    for _ in 0..2 {
        let refused = VolumeLock::acquire(dir.path(), "lost", &kept).unwrap_err();
        assert!(refused.to_string().contains("pod theirs, "), "{refused}");
    }
}
