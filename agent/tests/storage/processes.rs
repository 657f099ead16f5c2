//! What needs a second process: another user, another agent.

use crate::mounts::{entries, mounted, private_directory};
use crate::programs::copy_program;
use gp_agent::internals::storage::prove;
use gp_agent::internals::storage::{LockError, VolumeLock};
use gp_agent_core::cluster::volume::VolumePurpose;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
        match prove(volume, VolumePurpose::Data) {
            Ok(seen) => println!("\nanswer: proved, mode {:o}", seen.owner.mode),
            Err(e) => println!("\nanswer: {e}"),
        }
        return;
    }
    match VolumeLock::acquire(volume, "segment-a-0", &[]) {
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
    let test = [program, "--exact", "processes::child", "--ignored", "--nocapture"];
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
    copy_program(std::env::current_exe().unwrap(), &program);
    let proved = |groups| proved_by_nobody(&program, &volume, groups);
    let refused = proved("--clear-groups");
    for word in ["belongs to root (uid 0), group 0, mode 0755", "(uid 65534)", "fsGroup"] {
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
    let refused = VolumeLock::acquire(dir.path(), "segment-a-1", &[]).unwrap_err();
    let LockError::Held { holder: told, .. } = &refused else {
        panic!("{refused}")
    };
    let expected = format!("pod segment-a-0, pid {}, host ", holder.id());
    assert!(told.starts_with(&expected), "{told}");
    let advice = "a volume of its own";
    assert!(refused.to_string().contains(advice), "{refused}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let lock = VolumeLock::acquire(dir.path(), "segment-a-1", &[]).unwrap();
    let (mut second, answer) = start_child(&program, &[], &order);
    let expected = "is locked by another agent: pod segment-a-1, pid ";
    assert!(answer.contains(expected), "{answer}");
    second.wait().unwrap();
    drop(lock);
}
