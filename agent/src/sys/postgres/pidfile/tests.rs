//! Real servers, and processes that only look like some.

use super::*;
use crate::sys::postgres::orphaned_backends;
use crate::sys::postgres::orphaned_backends::Patience;
use crate::sys::postgres::programs::Tools;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data directory made by initdb, of a user that may run a server.
struct Data {
    base: tempfile::TempDir,
    dir: PathBuf,
}

impl Data {
    fn new() -> Data {
        let base = tempfile::tempdir().unwrap();
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(base.path(), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
        }
        let dir = base.path().join("data");
        let mut initdb = program("initdb");
        initdb
            .args(["-A", "trust", "--no-sync", "-D"])
            .arg(&dir)
            .stdout(Stdio::null());
        assert!(initdb.status().unwrap().success());
        Data { base, dir }
    }

    fn lock_file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn start(&self) -> Server {
        let mut postgres = program("postgres");
        postgres.arg("-D").arg(&self.dir);
        self.begin(postgres)
    }

    /// Nobody else finds its socket.
    fn begin(&self, mut postgres: Command) -> Server {
        let log = fs::File::create(self.base.path().join("log")).unwrap();
        let sockets = format!("unix_socket_directories={}", self.base.path().display());
        postgres.args(["-c", "listen_addresses=", "-c", &sockets]);
        Server(postgres.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn until(&self, holds: impl Fn(&Occupant) -> bool) -> Occupant {
        let begun = Instant::now();
        loop {
            let seen = occupant(&self.dir).unwrap();
            if holds(&seen) {
                return seen;
            }
            let log = fs::read_to_string(self.base.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{seen:?}\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// As somebody who is not root, whom servers refuse.
fn program(name: &str) -> Command {
    let mut command = Command::new(Tools::find(None).unwrap().path(name));
    if nix::unistd::geteuid().is_root() {
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    }
    command.current_dir("/");
    command
}

/// Killed with the test, whatever becomes of that.
struct Server(Child);

impl Server {
    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// With all its processes: of a postmaster that is killed while it starts some may stay, waiting for another that is gone.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::QUIT).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_that_begins_between_look_and_removal_keeps_its_lock_file() {
    let data = Data::new();
    // This test's process lives, so a server would not start beside it.
    fs::write(data.lock_file(), format!("{}\n", std::process::id())).unwrap();
    let mut server = None;
    let answer = remove_stale_while(&data.dir, || {
        fs::remove_file(data.lock_file()).unwrap();
        let begun = data.start();
        data.until(|seen| *seen == Occupant::Postmaster(begun.pid()));
        server = Some(begun);
    });
    let pid = server.as_ref().unwrap().pid();
    assert!(answer.unwrap_err().to_string().contains(&pid.to_string()));
    assert_eq!(read_pid(&data.dir).unwrap(), Some(pid));
    assert!(!data.dir.join(TAKEN).exists());
    // Also one that is there already.
    assert!(remove_stale(&data.dir).is_err());
    assert_eq!(read_pid(&data.dir).unwrap(), Some(pid));
    assert_eq!(occupant(&data.dir).unwrap(), Occupant::Postmaster(pid));
}

#[test]
fn a_lock_file_goes_when_a_server_would_stumble_over_it() {
    let data = Data::new();
    for (text, removed) in [
        (format!("{}\n/d\n", std::process::id()), true),
        (format!("-{}\n/d\n", std::process::id()), true),
        (String::new(), true),
        ("\n".to_string(), true),
        // A server knows by itself that nobody has this PID.
        (format!("{}\n{}\n", i32::MAX, data.dir.display()), false),
    ] {
        fs::write(data.lock_file(), &text).unwrap();
        assert_eq!(remove_stale(&data.dir).unwrap(), removed, "{text:?}");
        assert_eq!(data.lock_file().exists(), !removed, "{text:?}");
        let server = data.start();
        data.until(|seen| *seen == Occupant::Postmaster(server.pid()));
        server.stop();
        data.until(|seen| *seen == Occupant::Nobody);
        let _ = fs::remove_file(data.lock_file());
    }
}

/// A pipe in the place of its lock file stops a server in the moment in which it is in its directory and has written nothing.
#[tokio::test]
async fn a_server_that_has_not_written_its_lock_file_yet_is_left_alone() {
    let data = Data::new();
    let pipe = data.lock_file();
    let made = Command::new("mkfifo").args(["-m", "666"]).arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut server = data.start();
    let pid = server.pid();
    data.until(|seen| *seen == Occupant::Unlisted(pid));
    let patience = Patience {
        by_themselves: Duration::from_millis(1),
        after_quit: Duration::from_millis(1),
    };
    orphaned_backends::end(&[pid], patience).await;
    assert!(remove_stale(&data.dir).unwrap_err().to_string().contains("began"));
    assert_eq!(server.0.try_wait().unwrap(), None);
    fs::write(&pipe, format!("{}\n", i32::MAX)).unwrap();
    data.until(|seen| *seen == Occupant::Postmaster(pid));
}

/// The working directory of the other pod's server has the same name, in its own mount namespace.
#[test]
fn the_server_of_another_pod_in_the_same_pid_namespace_is_nobodys_leftover() {
    if !nix::unistd::geteuid().is_root() {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"SKIPPED: only root can mount\n");
        return;
    }
    let (mine, other) = (Data::new(), Data::new());
    let script = format!(
        "mount --make-rprivate / && mount --bind {other} {mine} && exec setpriv --reuid=nobody --clear-groups {} -D {mine} \"$@\"",
        Tools::find(None).unwrap().path("postgres").display(),
        other = other.dir.display(),
        mine = mine.dir.display(),
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", &script, "sh"]).current_dir("/");
    let server = other.begin(unshare);
    let pid = server.pid();
    other.until(|seen| *seen == Occupant::Postmaster(pid));
    let cwd = process::process(pid).unwrap().cwd.unwrap();
    assert_eq!(
        cwd,
        fs::canonicalize(&mine.dir).unwrap(),
        "the case is not the one to be tested"
    );
    assert_eq!(occupant(&mine.dir).unwrap(), Occupant::Nobody);
    assert!(!process::sees_the_same(pid, &mine.dir));
    assert!(process::sees_the_same(std::process::id().cast_signed(), &mine.dir));
}

#[test]
fn a_single_user_server_is_no_leftover() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("postgres");
    // A copy could not be executed while a fork of another test has it open for writing.
    std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut server = std::process::Command::new(&program)
        .arg("1000")
        .current_dir(&data)
        .spawn()
        .unwrap();
    let pid = server.id().cast_signed();
    let title = |title: &str| {
        let mut server = std::process::Command::new(&program);
        std::os::unix::process::CommandExt::arg0(&mut server, title);
        server.arg("1000").current_dir(&data).spawn().unwrap()
    };
    let listed = |text: String| {
        std::fs::write(data.join("postmaster.pid"), text).unwrap();
        occupant(&data).unwrap()
    };
    assert_eq!(listed(format!("{pid}\n")), Occupant::Postmaster(pid));
    assert_eq!(listed(format!("-{pid}\n")), Occupant::Standalone(pid));
    assert_eq!(listed("1\n".into()), Occupant::Unlisted(pid));
    let mut orphan = title("postgres: checkpointer ");
    assert_eq!(listed("1\n".into()), Occupant::Unlisted(pid));
    server.kill().unwrap();
    server.wait().unwrap();
    let orphans = vec![orphan.id().cast_signed()];
    assert_eq!(occupant(&data).unwrap(), Occupant::Leftovers(orphans));
    orphan.kill().unwrap();
    orphan.wait().unwrap();
    assert_eq!(occupant(&data).unwrap(), Occupant::Nobody);
}

#[test]
fn only_the_lock_of_a_server_that_is_gone_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join(".s.PGSQL.5432.lock");
    assert!(!remove_stale_socket_lock(dir.path(), 5432).unwrap());
    // This test's process lives, and is no server: the PID was given to somebody else since.
    for pid in [i32::MAX, std::process::id().cast_signed()] {
        std::fs::write(&lock, format!("{pid}\n/data\n")).unwrap();
        assert!(remove_stale_socket_lock(dir.path(), 5432).unwrap());
        assert!(!lock.exists());
    }
}
