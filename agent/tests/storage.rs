//! The proof of a volume against real file systems, each mounted in a mount namespace that ends with its test.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use gp_agent::domain::config::Require;
use gp_agent::domain::finding::{Finding, Severity};
use gp_agent::domain::status::StorageStatus;
use gp_agent::domain::storage::{Alignment, DirectIo, Observation, judge};
use gp_agent::sys::files::{LockError, VolumeLock, set_aside, write_atomically};
use gp_agent::sys::storage::{StorageError, prove, prove_all, same_device};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Tells a person, past the test harness's capture, why a test could not be made.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED a storage test: {why}");
}

/// A directory in a mount namespace of this thread alone, so that mounts vanish with the test, however it ends.
struct Private(TempDir);

impl Private {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Unmounts before the directory is removed.
impl Drop for Private {
    fn drop(&mut self) {
        for name in entries(self.path()) {
            let _ = umount2(&self.path().join(name), MntFlags::MNT_DETACH);
        }
    }
}

fn private_directory() -> Option<Private> {
    if let Err(e) = unshare(CloneFlags::CLONE_NEWNS) {
        skip(&format!(
            "it mounts file systems and must run as root ({e})"
        ));
        return None;
    }
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(Private(dir))
}

fn mounted(parent: &Private, name: &str, kind: &str, options: &str) -> PathBuf {
    let point = parent.path().join(name);
    fs::create_dir(&point).unwrap();
    let flags = MsFlags::empty();
    mount(Some(kind), &point, Some(kind), flags, Some(options)).unwrap();
    point
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
}

/// An ext4 of `mib` MiB in a file, mounted through a loop device.
fn ext4(parent: &Private, mib: u64, mkfs: &[&str], options: &str) -> Option<PathBuf> {
    if !Path::new("/dev/loop-control").exists() {
        skip("there is no /dev/loop-control to mount an ext4 with");
        return None;
    }
    let image = parent.path().join("image");
    let file = fs::File::create(&image).unwrap();
    file.set_len(mib << 20).unwrap();
    // The space is escaped in the mount table.
    let point = parent.path().join("green plum");
    fs::create_dir(&point).unwrap();
    let (image, target) = (image.to_str().unwrap(), point.to_str().unwrap());
    run(
        "mkfs.ext4",
        &[&["-q", "-F", "-m", "0"], mkfs, &[image]].concat(),
    );
    run("mount", &["-o", options, image, target]);
    Some(point)
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Proves the volume, and that nothing was left behind, whatever the outcome.
fn proved(volume: &Path) -> Result<Observation, StorageError> {
    let before = entries(volume);
    let outcome = prove(volume, "data");
    assert_eq!(entries(volume), before, "after {outcome:?}");
    outcome
}

fn judged(seen: &Observation, require: Require) -> (StorageStatus, Vec<Finding>) {
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
        assert!(matches!(
            seen.direct_io,
            DirectIo::Failed { step: "open", .. }
        ));
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

#[test]
fn ext4_is_a_disk() {
    let Some(dir) = private_directory() else {
        return;
    };
    let Some(volume) = ext4(&dir, 64, &[], "loop") else {
        return;
    };
    let seen = proved(&volume).unwrap();
    let fs = &seen.file_system;
    assert_eq!(fs.kind, "ext4");
    assert_eq!(fs.mount_point, volume);
    let device = fs.device.as_deref().unwrap();
    assert!(device.starts_with("loop"), "{fs:?}");
    assert_eq!(fs.source, format!("/dev/{device}"));
    assert_eq!(seen.direct_io, DirectIo::Works);
    assert_eq!(seen.takes_single_bytes, Some(false));
    assert_ne!(seen.alignment, Alignment::Unsupported);
    assert!(seen.fsync.samples > 0 && seen.fsync.p50 <= seen.fsync.p99);
    let (status, findings) = judged(&seen, Require::Durable);
    assert!(status.durable);
    assert!(errors(&findings).is_empty(), "{findings:?}");
    assert_eq!(errors(&judge(&seen, Require::Durable, 512).1).len(), 1);
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
        return skip("this kernel has no STATX_DIOALIGN");
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
        if filler
            .write_all(&piece)
            .and_then(|()| filler.sync_data())
            .is_err()
        {
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
    let missing = prove(&dir.path().join("greenplum"), "data").unwrap_err();
    assert!(matches!(missing, StorageError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("storage.path"), "{missing}");
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    for wrong in [file.clone(), file.join("below")] {
        let error = prove(&wrong, "data").unwrap_err();
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
    prove(dir.path(), "data").unwrap();
    assert_eq!(
        entries(dir.path()),
        [".gp-agent-probe-directory", "PG_VERSION"]
    );
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
    let purposes = |wal: Option<&Path>| -> Vec<String> {
        let proofs = prove_all(&data, wal).into_iter();
        proofs.map(|p| p.unwrap().purpose).collect()
    };
    assert_eq!(purposes(None), ["data"]);
    assert_eq!(purposes(Some(&inside)), ["data"]);
    assert_eq!(purposes(Some(&wal)), ["data", "wal"]);
    let missing = prove_all(&data, Some(&dir.path().join("missing")));
    assert!(matches!(missing[1], Err(StorageError::Missing { .. })));
}

/// The variable that turns the ignored test below into a program.
const CHILD: &str = "STORAGE_TEST_CHILD";

/// Not a test but the program that the others run as another user or as another process: `prove <directory>` or
/// `lock <directory>`.
#[test]
#[ignore = "a program for the other tests"]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let (verb, volume) = order.split_once(' ').unwrap();
    let volume = Path::new(volume);
    if verb == "prove" {
        match prove(volume, "data") {
            Ok(seen) => println!("\nanswer: proved, mode {:o}", seen.owner.mode),
            Err(e) => println!("\nanswer: {e}"),
        }
        return;
    }
    match VolumeLock::acquire(volume, "segment-a-0") {
        Ok(_lock) => {
            println!("\nanswer: locked");
            // Held until the other end closes this pipe, or kills us.
            let _ = std::io::stdin().lines().next();
        }
        Err(e) => println!("\nanswer: {e}"),
    }
}

/// Runs `child` and reads its answer. `wrapper` comes before it, such as setpriv and its options.
fn start_child(program: &Path, wrapper: &[&str], order: &str) -> (Child, String) {
    let program = program.to_str().unwrap();
    let test = [program, "--exact", "child", "--ignored", "--nocapture"];
    let line = [wrapper, &test].concat();
    let mut child = Command::new(line[0])
        .args(&line[1..])
        .env(CHILD, order)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer = output
        .by_ref()
        .map_while(Result::ok)
        .find_map(|l| l.strip_prefix("answer: ").map(str::to_string));
    // What the harness says at the end is read in another place, or it would die of a closed pipe.
    std::thread::spawn(move || output.for_each(drop));
    (child, answer.unwrap())
}

/// What `prove` answers uid 65534 with the given groups.
fn proved_by_nobody(program: &Path, volume: &Path, groups: &str) -> String {
    let before = entries(volume);
    let wrapper = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        groups,
        "--inh-caps=-all",
        "--",
    ];
    let order = format!("prove {}", volume.display());
    let (mut child, answer) = start_child(program, &wrapper, &order);
    assert!(child.wait().unwrap().success());
    assert_eq!(entries(volume), before, "after {answer}");
    answer
}

#[test]
fn someone_elses_volume_is_refused_and_a_groups_is_not() {
    let Some(dir) = private_directory() else {
        return;
    };
    let volume = mounted(&dir, "greenplum", "tmpfs", "size=16m,mode=755");
    // Where the program is, nobody may not be allowed to go.
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let proved = |groups| proved_by_nobody(&program, &volume, groups);
    let refused = proved("--clear-groups");
    for word in [
        "belongs to root (uid 0), group 0, mode 0755",
        "(uid 65534)",
        "fsGroup",
    ] {
        assert!(refused.contains(word), "{word} is not in: {refused}");
    }
    // As Kubernetes leaves a volume with fsGroup: 2000.
    std::os::unix::fs::chown(&volume, Some(0), Some(2000)).unwrap();
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o2775)).unwrap();
    assert!(proved("--clear-groups").contains("belongs to root"));
    assert_eq!(proved("--groups=2000"), "proved, mode 2775");
    std::os::unix::fs::chown(&volume, Some(65534), Some(65534)).unwrap();
    assert!(proved("--clear-groups").starts_with("proved"));
}

#[test]
fn another_process_keeps_us_out_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let order = format!("lock {}", dir.path().display());
    let (mut holder, answer) = start_child(&program, &[], &order);
    assert_eq!(answer, "locked");
    let refused = VolumeLock::acquire(dir.path(), "segment-a-1").unwrap_err();
    let LockError::Held { holder: told, .. } = &refused else {
        panic!("{refused}")
    };
    let expected = format!("pod segment-a-0, pid {}, host ", holder.id());
    assert!(told.starts_with(&expected), "{told}");
    let advice = "a volume of its own";
    assert!(refused.to_string().contains(advice), "{refused}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let lock = VolumeLock::acquire(dir.path(), "segment-a-1").unwrap();
    let (mut second, answer) = start_child(&program, &[], &order);
    let expected = "is locked by another agent: pod segment-a-1, pid ";
    assert!(answer.contains(expected), "{answer}");
    second.wait().unwrap();
    drop(lock);
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
