//! An agent that starts on a volume that does not pass: the server that runs there is looked after, and what is wrong is a
//! finding. Once the server is gone, nothing is started until the volume passes.

use crate::machine::send;
use crate::place::Place;
use crate::pod::Pod;
use crate::skipped::skipped;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const NONE: Option<&str> = None;

/// A volume of its own, unmounted with the test.
struct Mounted(Rc<Place>);

impl Mounted {
    /// 200 MiB, of everybody.
    fn new() -> Option<Mounted> {
        let place = Place::new("");
        let options = Some("size=200m,mode=1777");
        if let Err(why) = mount(Some("tmpfs"), &place.volume, Some("tmpfs"), MsFlags::empty(), options) {
            skipped(&format!("no file system can be mounted: {why}"));
            return None;
        }
        place.prepare();
        Some(Mounted(Rc::new(place)))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        while umount2(&self.0.volume, MntFlags::MNT_DETACH).is_ok() {}
    }
}

fn fill(volume: &Path) -> PathBuf {
    let path = volume.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    while file.write_all(&[0; 1 << 12]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
    path
}

fn finds(status: &Value, words: &str) -> bool {
    let mut findings = status["findings"].as_array().into_iter().flatten();
    findings.any(|f| f["area"] == "storage" && f["severity"] == "error" && f["what"].to_string().contains(words))
}

/// The next agent adopts the server; `words` are found of its volume.
fn adopts(pod: &mut Pod, words: &str) -> i32 {
    let before = pod.wait_until_running();
    pod.kill_agent();
    let after = pod.wait_for_status("adopted", |s| {
        s["phase"] == "running" && s["agentRestarts"] == 1 && finds(s, words)
    });
    assert_eq!(before["postmaster"]["pid"], after["postmaster"]["pid"]);
    assert_eq!(after["postmaster"]["adopted"], true);
    let errors = pod.metric("gp_agent_findings{area=\"storage\",severity=\"error\"}");
    assert!(errors >= Some(1.0), "{errors:?}");
    i32::try_from(after["postmaster"]["pid"].as_i64().unwrap()).unwrap()
}

/// The server dies: nothing is started until `mend` is done.
fn starts_when_mended(pod: &mut Pod, server: i32, words: &str, mend: impl FnOnce(&mut Pod)) {
    send(server, Signal::KILL);
    pod.wait_for_status("nothing is started there", |s| {
        s["postmaster"]["pid"].is_null() && s["phase"] == "refused" && s["reason"].to_string().contains(words)
    });
    mend(pod);
    let status = pod.wait_until_running();
    assert!(!finds(&status, words), "{status:#?}");
    assert_ne!(status["postmaster"]["pid"].as_i64(), Some(server.into()));
    pod.end();
}

#[test]
fn the_server_on_a_full_volume_is_adopted() {
    let Some(volume) = Mounted::new() else { return };
    let mut pod = Pod::on(&volume.0);
    pod.wait_until_running();
    let filler = fill(&volume.0.volume);
    let server = adopts(&mut pod, "full");
    starts_when_mended(&mut pod, server, "full", |_| fs::remove_file(filler).unwrap());
}

#[test]
fn the_server_on_a_volume_that_became_read_only_is_adopted() {
    let Some(volume) = Mounted::new() else { return };
    let path = &volume.0.volume;
    let mut pod = Pod::on(&volume.0);
    pod.wait_until_running();
    // The same file system, shown read-only to whoever comes by its name.
    mount(Some(path), path, NONE, MsFlags::MS_BIND, NONE).unwrap();
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(NONE, path, NONE, read_only, NONE).unwrap();
    let server = adopts(&mut pod, "read-only");
    starts_when_mended(&mut pod, server, "read-only", |_| {
        umount2(path, MntFlags::MNT_DETACH).unwrap();
    });
}

#[test]
fn the_server_on_a_volume_that_is_no_disk_is_adopted() {
    let Some(volume) = Mounted::new() else { return };
    let mut pod = Pod::on(&volume.0);
    pod.wait_until_running();
    volume.0.require("durable");
    let server = adopts(&mut pod, "tmpfs");
    starts_when_mended(&mut pod, server, "tmpfs", |pod| {
        volume.0.require("any");
        // The volume's keys are read when an agent starts.
        pod.kill_agent();
    });
}
