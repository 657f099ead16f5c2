//! SSH between pods, against real sshd, ssh and ssh-keygen, as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod daemon;
mod harness;
mod hosts;
mod rotation;

use harness::{Pod, isolated, keygen, put, setup, ssh, ssh_with};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The login that Greenplum's tools do: no port, and host keys not looked at.
const TOOL: [&str; 4] = ["-o", "StrictHostKeyChecking=no", "segment-a-0", "id -un"];

#[test]
fn every_kind_of_key_opens_the_door() {
    isolated("every_kind_of_key_opens_the_door", 1024, async || {
        let kinds: [(&str, &str, &[&str]); 6] = [
            ("id_ed25519", "ed25519", &[]),
            ("id_rsa", "rsa", &[]),
            ("id_rsa", "rsa", &["-m", "PEM"]),
            ("id_ecdsa", "ecdsa", &["-b", "384"]),
            ("ssh-privatekey", "ed25519", &[]),
            ("ssh-privatekey", "rsa", &["-m", "PKCS8"]),
        ];
        for (name, kind, extra) in kinds {
            let (private, public) = keygen(kind, extra);
            let setup = setup();
            let secret = setup.config.secret.clone();
            let public_name = match name {
                "ssh-privatekey" => "ssh-publickey".to_string(),
                name => format!("{name}.pub"),
            };
            put(&secret.join(name), private.trim_end().replace('\n', "\r\n"));
            put(&secret.join(public_name), public);
            let mut pod = Pod::start(setup);
            let report = pod.until("sshd", |r| r.status.pid.is_some()).await;
            assert_eq!(report.findings, [], "{name} {kind}");
            assert_eq!(report.status.ports, [2222]);
            assert!(report.status.key.starts_with("SHA256:"));
            assert_eq!(ssh(&TOOL).await, Ok("gptest".into()), "{name} {kind}");
            let by_full_name = ssh(&["coordinator-0.gp.test", "echo \"$GP_TEST\""]).await;
            assert_eq!(by_full_name, Ok("two words".into()));
            pod.drain().await;
            fs::remove_dir_all(secret).unwrap();
        }
    });
}

#[test]
fn several_keys_are_all_installed() {
    isolated("several_keys_are_all_installed", 1024, async || {
        let setup = setup();
        let (ed25519, _) = keygen("ed25519", &[]);
        let (ecdsa, _) = keygen("ecdsa", &[]);
        put(&setup.config.secret.join("id_ed25519"), &ed25519);
        put(&setup.config.secret.join("id_ecdsa"), &ecdsa);
        let mut pod = Pod::start(setup);
        pod.up().await;
        assert_eq!(pod.ssh_file("id_ecdsa"), ecdsa);
        for key in [ed25519, ecdsa] {
            assert_eq!(ssh_with(&key, "gptest").await, Ok("gptest".into()));
        }
    });
}

#[test]
fn nobody_else_gets_in() {
    isolated("nobody_else_gets_in", 1024, async || {
        let (_pod, private) = Pod::with_key().await;
        let (stranger, _) = keygen("ed25519", &[]);
        let refused = Err("Permission denied (publickey).".to_string());
        let strip =
            |answer: Result<String, String>| answer.map_err(|words| words.rsplit(": ").next().unwrap().to_string());
        assert_eq!(strip(ssh_with(&stranger, "gptest").await), refused);
        assert_eq!(strip(ssh_with(&private, "root").await), refused);
        assert_eq!(strip(ssh_with(&private, "nobody").await), refused);
        let password = "PreferredAuthentications=password,keyboard-interactive";
        let answer = ssh(&["-o", password, "coordinator-0", "true"]).await;
        assert_eq!(strip(answer), refused);
        assert_eq!(ssh_with(&private, "gptest").await, Ok("gptest".into()));
        // No way further from here.
        let forward = ["-o", "ExitOnForwardFailure=yes", "-W", "127.0.0.1:2222"];
        let answer = ssh(&[&forward[..], &["coordinator-0"]].concat()).await;
        assert!(answer.is_err(), "{answer:?}");
    });
}

#[test]
fn a_home_that_kubelet_made_writable_for_all_still_works() {
    isolated(
        "a_home_that_kubelet_made_writable_for_all_still_works",
        1024,
        async || {
            let home = "/mnt/home";
            fs::set_permissions(home, fs::Permissions::from_mode(0o777)).unwrap();
            let (pod, _) = Pod::with_key().await;
            let config = fs::read_to_string(pod.setup.run_dir.join("sshd_config")).unwrap();
            assert!(config.contains("StrictModes no\n"));
            assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
            pod.drain().await;
            fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
            let mut pod = Pod::start(setup());
            pod.up().await;
            let config = fs::read_to_string(pod.setup.run_dir.join("sshd_config")).unwrap();
            assert!(config.contains("StrictModes yes\n"));
            assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
        },
    );
}

#[test]
fn whatever_is_wrong_with_the_secret_is_said_and_followed_when_mended() {
    let name = "whatever_is_wrong_with_the_secret_is_said_and_followed_when_mended";
    isolated(name, 1024, async || {
        let setup = setup();
        let secret = setup.config.secret.clone();
        let key = secret.join("id_ed25519");
        let public = secret.join("id_ed25519.pub");
        fs::remove_dir(&secret).unwrap();
        let (good, good_public) = keygen("ed25519", &[]);
        let (locked, _) = keygen("ed25519", &["-N", "secret"]);
        let (locked_pem, _) = keygen("rsa", &["-N", "secret", "-m", "PEM"]);
        let mut pod = Pod::start(setup);
        pod.finding("/secret", "cannot be opened").await;
        fs::create_dir(&secret).unwrap();
        pod.finding("/secret", "no private SSH key").await;
        put(&public, &good_public);
        pod.finding("id_ed25519.pub", "without its private half").await;
        put(&key, "");
        pod.finding("id_ed25519", "is empty").await;
        for locked in [locked, locked_pem] {
            put(&key, &locked);
            pod.finding("id_ed25519", "passphrase").await;
            put(&key, &good[..good.len() / 2]);
            pod.finding("id_ed25519", "cut off").await;
        }
        put(&key, good.replace('\n', " "));
        pod.finding("id_ed25519", "line ends became spaces").await;
        put(&key, &good_public);
        pod.finding("id_ed25519", "this is a public key").await;
        put(&key, "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEU=");
        pod.finding("id_ed25519", "base64 twice").await;
        put(&key, keygen("ed25519", &[]).0);
        pod.finding("id_ed25519.pub", "does not belong to").await;
        put(&public, "nonsense");
        pod.finding("id_ed25519.pub", "not a public key").await;
        put(&public, &good_public);
        put(&key, &good);
        pod.up().await;
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
    });
}

#[test]
fn a_key_that_others_may_read_or_we_may_not_is_not_used() {
    let name = "a_key_that_others_may_read_or_we_may_not_is_not_used";
    isolated(name, 1024, async || {
        let setup = setup();
        let key = setup.config.secret.join("id_rsa");
        put(&key, keygen("rsa", &[]).0);
        let mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let mut pod = Pod::start(setup);
        pod.finding("id_rsa", "readable for everybody (mode 0644)").await;
        mode(0o000);
        pod.finding("id_rsa", "Permission denied").await;
        assert_eq!(pod.status.borrow().status.pid, None);
        mode(0o440);
        pod.up().await;
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
    });
}

#[test]
fn a_home_that_cannot_be_written_is_said() {
    isolated("a_home_that_cannot_be_written_is_said", 1024, async || {
        let mut setup = setup();
        setup.account.home = "/usr".into();
        put(&setup.config.secret.join("id_ed25519"), keygen("ed25519", &[]).0);
        let mut pod = Pod::start(setup);
        pod.finding("/usr/.ssh", "cannot be written").await;
    });
}
