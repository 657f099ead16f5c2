//! A file system of its own for each coordinator, so that it can be full, hang or refuse writes, and the directory of the record.

use crate::chaos::fault::Fault;
use crate::docker;
use crate::settings::Engine;
use anyhow::{Context, Result, ensure};
use rustix::fs::FallocateFlags;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Gibibytes, as much as a small server needs; the file is sparse. A file of Greenplum's write-ahead log has 64 MiB, and one is
/// set aside whenever a coordinator comes back as the standby, until a person removes it.
const fn size(engine: Engine) -> u64 {
    match engine {
        Engine::Postgres => 1,
        Engine::Greenplum => 4,
    }
}
const PREFIX: &str = "gp-agent-chaos-";
const FILLER: &str = "filler";

/// Mounted file systems; dropping it takes them away.
#[derive(Debug)]
pub(super) struct Disks {
    dir: TempDir,
    names: Vec<String>,
}

fn run(program: &str, words: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(words)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program} {}: {said}", words.join(" "));
    Ok(())
}

/// In memory where there is some: how long this machine's disk takes under load is not what is tested.
fn memory(room: u64) -> &'static Path {
    let enough = |free: rustix::fs::StatVfs| free.f_bavail * free.f_frsize > room;
    let shared = Path::new("/dev/shm");
    let roomy = rustix::fs::statvfs(shared).is_ok_and(enough);
    if roomy { shared } else { Path::new("/var/tmp") }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

impl Disks {
    /// One for each name, all of gpadmin in this image.
    ///
    /// # Errors
    /// What mkfs or mount said.
    pub(super) fn new(image: &str, names: &[&str], engine: Engine) -> Result<Disks> {
        // For all of them, if they are filled, and as much beside them.
        let room = 2 * names.len() as u64 * (size(engine) << 30);
        let id = docker::docker(&["run", "--rm", "--network", "none", "--entrypoint", "id", image, "-u"])?;
        let owner: u32 = id.trim().parse()?;
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in("/var/tmp")?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let mut disks = Disks { dir, names: Vec::new() };
        fs::create_dir(disks.record())?;
        chown(disks.record(), Some(owner), Some(owner))?;
        fs::set_permissions(disks.record(), Permissions::from_mode(0o700))?;
        for name in names {
            let mounted = disks.path(name);
            fs::create_dir(&mounted)?;
            // The loop device keeps it; its name is gone however this process ends.
            let image = tempfile::Builder::new().prefix(PREFIX).tempfile_in(memory(room))?;
            let image = image.path();
            run("truncate", &["--size", &format!("{}G", size(engine)), text(image)])?;
            run("mkfs.ext4", &["-q", "-F", "-m", "0", text(image)])?;
            run("mount", &["-o", "loop", text(image), text(&mounted)])?;
            disks.names.push((*name).to_string());
            chown(&mounted, Some(owner), Some(owner))?;
            fs::set_permissions(&mounted, Permissions::from_mode(0o700))?;
        }
        Ok(disks)
    }

    /// Where that of a pod is mounted on this machine.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory of the record.
    pub(super) fn record(&self) -> PathBuf {
        self.dir.path().join("record")
    }

    /// Does it.
    ///
    /// # Errors
    /// What the tool said.
    pub(super) fn inflict(&self, name: &str, fault: Fault) -> Result<()> {
        let path = self.path(name);
        match fault {
            Fault::FillVolume => fill(&path.join(FILLER)),
            Fault::FreezeVolume => run("fsfreeze", &["--freeze", text(&path)]),
            Fault::CloseDirectory => Ok(fs::set_permissions(data(&path)?, Permissions::from_mode(0o000))?),
            Fault::BreakControlFile => Ok(fs::write(data(&path)?.join("global/pg_control"), [0x55; 8192])?),
            Fault::HideRecord => Ok(fs::set_permissions(self.record(), Permissions::from_mode(0o000))?),
            Fault::ReadOnlyRecord => Ok(fs::set_permissions(self.record(), Permissions::from_mode(0o500))?),
            Fault::GarbleRecord => self.garble(),
            _ => Ok(()),
        }
    }

    /// Undoes it, if it was done.
    pub(super) fn undo(&self, name: &str, fault: Fault) {
        let path = self.path(name);
        match fault {
            Fault::FillVolume => drop(fs::remove_file(path.join(FILLER))),
            Fault::FreezeVolume => drop(run("fsfreeze", &["--unfreeze", text(&path)])),
            Fault::CloseDirectory => {
                let opened = data(&path).map(|data| fs::set_permissions(data, Permissions::from_mode(0o700)));
                drop(opened);
            }
            Fault::HideRecord | Fault::ReadOnlyRecord => {
                let _ = fs::set_permissions(self.record(), Permissions::from_mode(0o700));
            }
            Fault::GarbleRecord => drop(self.restore()),
            _ => {}
        }
    }

    fn record_file(&self) -> Result<PathBuf> {
        let files = fs::read_dir(self.record())?
            .filter_map(Result::ok)
            .map(|entry| entry.path());
        let mut records = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
        records.next().context("there is no record")
    }

    fn aside(&self) -> PathBuf {
        self.dir.path().join("record-as-it-was")
    }

    fn garble(&self) -> Result<()> {
        let (file, aside) = (self.record_file()?, self.aside());
        fs::write(aside, fs::read(&file)?)?;
        Ok(fs::write(file, "{\"serial\": nonsense")?)
    }

    /// Only where nobody has written another one meanwhile.
    fn restore(&self) -> Result<()> {
        let file = self.record_file()?;
        if serde_json::from_slice::<serde_json::Value>(&fs::read(&file)?).is_err() {
            fs::write(file, fs::read(self.aside())?)?;
        }
        Ok(fs::remove_file(self.aside())?)
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        if std::env::var_os("GP_TESTS_KEEP").is_some() {
            self.dir.disable_cleanup(true);
            return;
        }
        for name in &self.names {
            self.undo(name, Fault::FreezeVolume);
            unmount(&self.path(name));
        }
    }
}

fn unmount(path: &Path) {
    let _ = run("umount", &[text(path)]).or_else(|_| run("umount", &["--lazy", text(path)]));
}

/// Removes what processes that are gone have left behind.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir("/var/tmp") else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()) else {
            continue;
        };
        if Path::new("/proc").join(pid).exists() {
            continue;
        }
        for inner in fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok) {
            if inner.path().is_dir() {
                let _ = run("fsfreeze", &["--unfreeze", text(&inner.path())]);
                let _ = run("umount", &["--lazy", text(&inner.path())]);
            }
        }
        let _ = fs::remove_dir_all(path);
    }
}

/// The server's directory in a coordinator's volume.
fn data(volume: &Path) -> Result<PathBuf> {
    let data = volume.join("gpseg-1");
    ensure!(data.exists(), "there is no {}", data.display());
    Ok(data)
}

/// Takes every free byte, in ever smaller pieces.
fn fill(file: &Path) -> Result<()> {
    let filler = fs::File::create(file)?;
    let free = rustix::fs::fstatvfs(&filler)?;
    let (mut taken, mut piece) = (0, free.f_bavail * free.f_frsize);
    while piece >= free.f_frsize {
        match rustix::fs::fallocate(&filler, FallocateFlags::empty(), taken, piece) {
            Ok(()) => taken += piece,
            Err(rustix::io::Errno::NOSPC) => piece /= 2,
            Err(why) => return Err(why).context("fallocate"),
        }
    }
    Ok(())
}
