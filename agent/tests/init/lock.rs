//! The lock of the volume stays with init while one agent is gone and the next not there yet.

use crate::harness::{GP_AGENT, Init, command, send};
use gp_agent::internals::process::{Heartbeat, restarts_from_env};
use gp_agent::internals::storage::{LockError, VolumeLock};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::fs;
use std::path::Path;

/// The variable that turns the ignored test below into a program, with the volume's path.
const VOLUME: &str = "LOCK_TEST_VOLUME";

/// Not a test but the agent of the tests below. Each agent but the first waits at the gate, a FIFO beside the volume,
/// before it asks for the lock.
#[test]
#[ignore = "a program for the other tests"]
fn agent() {
    let Some(volume) = std::env::var_os(VOLUME) else {
        return;
    };
    let volume = Path::new(&volume);
    let init = Heartbeat::from_env().unwrap();
    if restarts_from_env() > 0 {
        println!("\nat the gate");
        fs::read(volume.join("gate")).unwrap();
    }
    let pid = std::process::id();
    let _lock = match VolumeLock::acquire(volume, "segment-a-0", init.kept_locks()) {
        Ok(mut lock) => {
            lock.share(|lock| init.entrust_lock(lock)).unwrap();
            println!("\nlocked {pid}");
            lock
        }
        Err(why) => panic!("{why}"),
    };
    loop {
        std::thread::park();
    }
}

fn volume() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    mknodat(CWD, dir.path().join("gate"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    dir
}

fn start(volume: &Path) -> Init {
    let mut init = command(GP_AGENT, &["init", "--"]);
    init.arg(std::env::current_exe().unwrap());
    init.args(["--exact", "lock::agent", "--ignored", "--nocapture"]);
    Init::spawn(init.env(VOLUME, volume))
}

/// What a foreign agent is told.
fn refused(volume: &Path) -> String {
    match VolumeLock::acquire(volume, "segment-a-1", &[]) {
        Err(LockError::Held { holder, .. }) => holder,
        other => panic!("not kept out: {other:?}"),
    }
}

#[test]
fn no_other_pod_can_take_the_volume_between_two_agents() {
    let dir = volume();
    let volume = dir.path();
    let mut init = start(volume);
    let mut agent = init.pid_line("locked");
    // The second agent has the lock from init, the third from init again.
    for _ in 0..2 {
        send(agent, Signal::KILL);
        init.line("at the gate");
        let held_by = format!("pod segment-a-0, pid {agent}, ");
        let told = refused(volume);
        assert!(told.starts_with(&held_by), "{told}");
        fs::write(volume.join("gate"), "").unwrap();
        agent = init.pid_line("locked");
        let told = refused(volume);
        let held_by = format!("pod segment-a-0, pid {agent}, ");
        assert!(told.starts_with(&held_by), "{told}");
    }
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(143), "{}", init.all());
    VolumeLock::acquire(volume, "segment-a-1", &[]).unwrap();
}

#[test]
fn the_lock_of_another_file_is_no_right_to_this_one() {
    let dir = volume();
    let volume = dir.path();
    let mut init = start(volume);
    let agent = init.pid_line("locked");
    send(agent, Signal::KILL);
    init.line("at the gate");
    // Somebody cleared the volume, and another pod made it its own.
    fs::remove_dir_all(volume.join(".gp-agent")).unwrap();
    let theirs = VolumeLock::acquire(volume, "segment-a-1", &[]).unwrap();
    fs::write(volume.join("gate"), "").unwrap();
    init.line("is locked by another agent: pod segment-a-1, ");
    drop(theirs);
}
