//! A volume that fills up, or becomes read-only, while a pod lives on it.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::folder;
use crate::skipped::skipped;
use nix::mount::{MntFlags, umount2};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;

/// An ext4 of its own; unmounted with the value, which has to outlive the pod.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// A place for a pod on a disk of so many MiB.
fn on_a_disk(mib: u64) -> Option<(Disk, Place)> {
    if !is_root() {
        return None;
    }
    let mut place = Place::new("");
    let (image, point) = (place.base.path().join("image"), place.base.path().join("disk"));
    fs::File::create(&image).unwrap().set_len(mib * MIB).unwrap();
    fs::create_dir(&point).unwrap();
    let paths = (image.to_str().unwrap(), point.to_str().unwrap());
    let made = run("mkfs.ext4", &["-q", "-F", "-m", "0", paths.0])
        && run("mount", &["-o", "loop,errors=remount-ro", paths.0, paths.1]);
    if !made {
        skipped("no ext4 can be mounted through a loop device here");
        return None;
    }
    folder(&point);
    place.volume = folder(&point.join("greenplum"));
    Some((Disk(point), place))
}

fn free(pod: &Pod) -> f64 {
    let volume = pod.place.volume.display();
    let name = format!("gp_agent_storage_free_bytes{{path=\"{volume}\",purpose=\"data\"}}");
    pod.metric(&name).unwrap_or(f64::NAN)
}

/// Takes what is free, but for so many bytes.
fn fill(file: &Path, leave: u64) {
    let parent = file.parent().unwrap();
    let stat = nix::sys::statvfs::statvfs(parent).unwrap();
    let free = stat.blocks_available() * stat.fragment_size();
    let mut taken = fs::File::create(file).unwrap();
    let block = vec![1; 1 << 20];
    for _ in 0..free.saturating_sub(leave) / MIB {
        taken.write_all(&block).unwrap();
    }
    if leave == 0 {
        // The rest that makes no whole block.
        while taken.write_all(&block[..4096]).is_ok() {}
    }
}

#[test]
fn a_volume_that_fills_up_is_told_before_and_named_when_it_is_full() {
    let Some((_disk, place)) = on_a_disk(400) else { return };
    let filler = place.volume.parent().unwrap().join("filler");
    let mut pod = Pod::start(place);
    let before = free(&pod);
    fill(&filler, 35 * MIB);
    pod.wait_for_finding("of 364 MiB are free");
    pod.wait_until("the figure follows", |pod| free(pod) < before / 2.0);
    fs::remove_file(&filler).unwrap();
    pod.wait_until("it is forgiven", |pod| pod.finding("MiB are free").is_none());

    fill(&filler, 0);
    pod.wait_for_finding("no space left on the volume");
    let (code, said) = pod.run(&["check", "storage"]);
    assert!(code == Some(1) && said.contains("the volume is full"), "{said}");
    // More than the segment of write-ahead log that there is.
    let _ =
        pod.try_to_ask("select pg_logical_emit_message(false, 'x', repeat('x', 1000000)) from generate_series(1, 60)");
    pod.wait_until("it crashes again and again", |pod| {
        pod.status()["phase"] == "crash-loop"
    });
    let reason = pod.status()["reason"].as_str().unwrap().to_string();
    let named = format!("no space left on the volume at {} (", pod.place.volume.display());
    assert!(
        reason.starts_with(&named) && reason.contains("of 364 MiB are free"),
        "{reason}"
    );
    pod.has_never_said("somebody removed");
    // What the finding says to do.
    fs::remove_file(&filler).unwrap();
    pod.wait_until("it is ready again", |pod| pod.readiness().0 == 200);
    pod.wait_until("nothing is found any more", |pod| {
        pod.finding("no space left").is_none()
    });
}

#[test]
fn a_slot_that_keeps_write_ahead_log_is_named() {
    let Some((_disk, place)) = on_a_disk(400) else { return };
    let mut pod = Pod::start(place);
    pod.ask("select pg_create_physical_replication_slot('lost', true)");
    pod.ask("create table t as select repeat(md5(i::text), 30) from generate_series(1, 60000) i");
    let finding = pod.wait_for_finding("this replication slot keeps more than");
    assert_eq!(finding["subject"], "coordinator-0 slot lost");
    let remedy = finding["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("select pg_drop_replication_slot('lost'), then CHECKPOINT"),
        "{remedy}"
    );
    pod.ask("select pg_drop_replication_slot('lost')");
    pod.ask("checkpoint");
    pod.wait_until("it is gone", |pod| pod.finding("this replication slot").is_none());
}

#[test]
fn a_volume_that_became_read_only_is_named() {
    let Some((disk, place)) = on_a_disk(400) else { return };
    let mut pod = Pod::start(place);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let point = disk.0.to_str().unwrap();
    let source = mounts
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(point))
        .unwrap();
    let device = source.split(' ').next().unwrap().trim_start_matches("/dev/");
    // The kernel finds an error on the disk.
    if fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "disk").is_err() {
        return skipped("this kernel cannot simulate an error of a file system");
    }
    let finding = pod.wait_for_finding("is mounted read-only");
    assert_eq!(finding["subject"].as_str(), pod.place.volume.to_str());
    let (code, said) = pod.run(&["check", "storage"]);
    assert!(
        code == Some(1)
            && said.contains(&format!(
                "{}: the volume is mounted read-only",
                pod.place.volume.display()
            )),
        "{said}"
    );
    let _ = pod.try_to_ask("checkpoint");
    let _ = pod.try_to_ask("create table t as select repeat('x', 1000) from generate_series(1, 30000)");
    pod.wait_until("its server fails", |pod| pod.status()["activeRole"].is_null());
    pod.wait_until("why is said", |pod| {
        let reason = pod.status()["reason"].to_string();
        assert!(
            !reason.contains("(os error 30)") || reason.contains(pod.place.volume.to_str().unwrap()),
            "{reason}"
        );
        reason.contains(&format!(
            "the volume at {} is mounted read-only",
            pod.place.volume.display()
        ))
    });
    pod.has_never_said("somebody removed");
}
