//! A Secret that changes while sshd runs.

use crate::harness::{Pod, eventually, isolated, keygen, put, replace, setup, ssh, ssh_with};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

async fn opens(private: &str) -> bool {
    ssh_with(private, "gptest").await == Ok("gptest".into())
}

/// Both keys open the door, both are offered, and sshd was not restarted.
async fn overlap_after(pod: &mut Pod, pid: i32, before: &str, old: &str, new: &str) -> String {
    let report = pod
        .until("new key", |r| r.status.key != before && r.findings.is_empty())
        .await;
    assert_eq!(report.status.pid, Some(pid));
    assert!(opens(new).await && opens(old).await);
    assert_eq!(pod.ssh_file("id_ed25519"), new);
    assert!(pod.ssh_file("config").contains("/previous_ed25519\"\n"));
    assert_eq!(ssh(&["coordinator-0", "id -un"]).await, Ok("gptest".into()));
    report.status.key
}

/// As kubelet does it: a new directory, and one symbolic link swapped.
fn publish(secret: &Path, version: &str, key: &str) {
    fs::create_dir(secret.join(version)).unwrap();
    put(&secret.join(version).join("id_ed25519"), key);
    symlink(version, secret.join("..data_tmp")).unwrap();
    fs::rename(secret.join("..data_tmp"), secret.join("..data")).unwrap();
}

#[test]
fn kubelets_swap_is_followed_and_both_keys_open_the_door() {
    let name = "rotation::kubelets_swap_is_followed_and_both_keys_open_the_door";
    isolated(name, 1024, async || {
        let setup = setup();
        let secret = setup.config.secret.clone();
        let [old, new] = [keygen("ed25519", &[]).0, keygen("ed25519", &[]).0];
        publish(&secret, "..2026_01", &old);
        symlink("..data/id_ed25519", secret.join("id_ed25519")).unwrap();
        let mut pod = Pod::start(setup);
        let pid = pod.up().await;
        let before = pod.status.borrow().status.key.clone();
        publish(&secret, "..2026_02", &new);
        fs::remove_dir_all(secret.join("..2026_01")).unwrap();
        overlap_after(&mut pod, pid, &before, &old, &new).await;
    });
}

#[test]
fn replacement_and_writing_in_place_are_followed() {
    let name = "rotation::replacement_and_writing_in_place_are_followed";
    isolated(name, 1024, async || {
        let (mut pod, first) = Pod::with_key().await;
        let pid = pod.up().await;
        let before = pod.status.borrow().status.key.clone();
        let second = keygen("ed25519", &[]).0;
        replace(&pod.secret("id_ed25519"), &second);
        let before = overlap_after(&mut pod, pid, &before, &first, &second).await;

        // Half a key first, as a slow writer leaves it: the keys in use stay.
        let third = keygen("ed25519", &[]).0;
        put(&pod.secret("id_ed25519"), &third[..100]);
        pod.finding("id_ed25519", "is cut off").await;
        pod.finding("/secret", "stay in use").await;
        assert!(opens(&second).await);
        put(&pod.secret("id_ed25519"), &third);
        overlap_after(&mut pod, pid, &before, &second, &third).await;
        assert!(opens(&first).await, "replaced twice, overlap not over");
    });
}

#[test]
fn after_the_overlap_the_old_key_is_refused() {
    let name = "rotation::after_the_overlap_the_old_key_is_refused";
    isolated(name, 1024, async || {
        let mut setup = setup();
        setup.timing.overlap = Duration::from_secs(2);
        let key = setup.config.secret.join("id_ed25519");
        let [old, new] = [keygen("ed25519", &[]).0, keygen("ed25519", &[]).0];
        put(&key, &old);
        let mut pod = Pod::start(setup);
        let pid = pod.up().await;
        let before = pod.status.borrow().status.key.clone();
        replace(&key, &new);
        pod.until("new key", |r| r.status.key != before).await;
        let accepted = |pod: &Pod| pod.ssh_file("authorized_keys").lines().count();
        eventually("both accepted", || accepted(&pod) == 2).await;
        eventually("one accepted", || accepted(&pod) == 1).await;
        eventually("old private key gone", || pod.ssh_file("previous_ed25519").is_empty()).await;
        assert!(opens(&new).await && !opens(&old).await);
        assert_eq!(pod.up().await, pid);
    });
}

#[test]
fn a_rotation_is_noticed_and_remembered_across_restarts() {
    let name = "rotation::a_rotation_is_noticed_and_remembered_across_restarts";
    isolated(name, 1024, async || {
        let (pod, old) = Pod::with_key().await;
        let secret = pod.secret("id_ed25519");
        pod.drain().await;
        // Rotated while nobody looked, in a new container whose home is empty.
        let new = keygen("ed25519", &[]).0;
        replace(&secret, &new);
        for _ in 0..2 {
            fs::remove_dir_all("/mnt/home/.ssh").unwrap();
            fs::remove_dir_all("/mnt/home/run").unwrap();
            let mut pod = Pod::start(setup());
            pod.up().await;
            assert!(opens(&new).await && opens(&old).await);
            pod.drain().await;
        }
    });
}

#[test]
fn an_agent_that_is_started_again_keeps_offering_the_old_key() {
    let name = "rotation::an_agent_that_is_started_again_keeps_offering_the_old_key";
    isolated(name, 1024, async || {
        let (pod, old) = Pod::with_key().await;
        let secret = pod.secret("id_ed25519");
        let setup = pod.kill().await;
        replace(&secret, keygen("ed25519", &[]).0);
        let mut pod = Pod::start(setup);
        eventually("old key kept", || pod.ssh_file("previous_ed25519") == old).await;
        pod.up().await;
    });
}
