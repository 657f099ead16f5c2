use super::*;
use std::os::unix::fs::symlink;

const NOW: u64 = 951_782_400;

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_file_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pg_hba.conf");
    assert!(write_atomically(&file, b"one", 0o600).unwrap());
    let first = std::fs::metadata(&file).unwrap().ino();
    assert!(!write_atomically(&file, b"one", 0o600).unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), first);
    assert!(write_atomically(&file, b"two", 0o600).unwrap());
    assert_eq!(std::fs::read(&file).unwrap(), b"two");
    assert!(write_atomically(&file, b"two", 0o644).unwrap());
    assert_eq!(mode(&file), 0o644);
    assert_eq!(names(dir.path()), ["pg_hba.conf"]);
}

#[test]
fn owner_of_a_replaced_file_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    std::fs::write(&file, "old").unwrap();
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    std::os::unix::fs::chown(&file, Some(1234), Some(4321)).unwrap();
    assert!(write_atomically(&file, b"new", 0o640).unwrap());
    let meta = std::fs::metadata(&file).unwrap();
    assert_eq!((meta.uid(), meta.gid()), (1234, 4321));
    assert_eq!(mode(&file), 0o640);
}

#[test]
fn a_symbolic_link_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    symlink("real", &link).unwrap();
    let dangling = write_atomically(&link, b"x", 0o600).unwrap_err();
    assert!(dangling.to_string().contains("link"), "{dangling}");
    std::fs::write(&real, "old").unwrap();
    assert!(write_atomically(&link, b"new", 0o600).unwrap());
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read(&real).unwrap(), b"new");
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let error = write_atomically(&taken, b"x", 0o600).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let error = write_atomically(&dir.path().join("no/file"), b"x", 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("no/file"), "{error}");
    assert_eq!(names(dir.path()), ["taken"]);
}

#[test]
fn set_aside_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("gpseg-1");
    let now = utc::from_unix(NOW);
    for expected in [
        "gpseg-1.aside-20000229T000000Z",
        "gpseg-1.aside-20000229T000000Z-2",
        "gpseg-1.aside-20000229T000000Z-3",
    ] {
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("PG_VERSION"), expected).unwrap();
        let aside = set_aside_at(&data, now).unwrap();
        assert_eq!(aside, dir.path().join(expected));
        let inside = std::fs::read_to_string(aside.join("PG_VERSION")).unwrap();
        assert_eq!(inside, expected);
    }
    assert!(!data.exists());
    let gone = set_aside(&data).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    assert!(gone.to_string().contains("gpseg-1"), "{gone}");
}
