//! Host keys of the peers, and the doctor.

use crate::harness::{Pod, eventually, isolated, keygen, put, setup};
use gp_agent::internals::ssh::{check, known_hosts};
use std::fs;
use std::process::{Child, Command};

/// An sshd on another address of this host plays the peer. Ours cannot have the port meanwhile, which is no matter here.
struct Peer(Child);

impl Peer {
    async fn start(host_key: &str) -> Peer {
        put("/mnt/home/peer_key".as_ref(), host_key);
        fs::set_permissions(
            "/mnt/home/peer_key",
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        let config = "Port 2222\nListenAddress 127.0.0.2\nHostKey /mnt/home/peer_key\nPidFile /mnt/home/peer.pid\n";
        fs::write("/mnt/home/peer_config", config).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/mnt/home/peer_config"])
            .spawn()
            .unwrap();
        let listens = || std::net::TcpStream::connect("127.0.0.2:2222").is_ok();
        eventually("the peer's sshd listens", listens).await;
        Peer(child)
    }

    fn stop(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_changed_host_key_is_refused_until_an_administrator_forgets_the_old_one() {
    let name = "hosts::a_changed_host_key_is_refused_until_an_administrator_forgets_the_old_one";
    isolated(name, 1024, async || {
        let setup = setup();
        put(&setup.config.secret.join("id_ed25519"), keygen("ed25519", &[]).0);
        let pins = setup.state_dir.join("ssh/known_hosts");
        let [first, second] = [keygen("ed25519", &[]), keygen("ed25519", &[])];
        let peer = Peer::start(&first.0).await;
        let mut pod = Pod::start(setup);
        let addresses = [("segment-a-0".to_string(), vec!["127.0.0.2".parse().unwrap()])];
        pod.peers.send(addresses.into()).unwrap();
        let trusted = |pod: &Pod, key: &str| {
            let line = format!(
                "segment-a-0,segment-a-0.gp.test,[segment-a-0]:2222,[segment-a-0.gp.test]:2222 {}\n",
                key.trim()
            );
            pod.ssh_file("known_hosts").contains(&line)
        };
        eventually("pinned", || trusted(&pod, &first.1)).await;
        peer.stop();

        let peer = Peer::start(&second.0).await;
        pod.finding("segment-a-0", "its host key changed from SHA256:").await;
        assert!(trusted(&pod, &first.1) && !trusted(&pod, &second.1));
        // Also not after a restart.
        let mut pod = Pod::start(pod.kill().await);
        let addresses = [("segment-a-0".to_string(), vec!["127.0.0.2".parse().unwrap()])];
        pod.peers.send(addresses.into()).unwrap();
        pod.finding("segment-a-0", "its host key changed from SHA256:").await;

        let forget = Command::new("ssh-keygen")
            .args(["-R", "segment-a-0", "-f"])
            .arg(&pins)
            .output()
            .unwrap();
        assert!(forget.status.success(), "{forget:?}");
        eventually("pinned anew", || trusted(&pod, &second.1)).await;
        assert!(!trusted(&pod, &first.1));
        peer.stop();
        pod.up().await;
    });
}

#[test]
fn the_doctor_tries_every_peer_and_quotes_ssh() {
    isolated("hosts::the_doctor_tries_every_peer_and_quotes_ssh", 1024, async || {
        let setup = setup();
        put(&setup.config.secret.join("id_ed25519"), keygen("ed25519", &[]).0);
        let (host, host_public) = keygen("ecdsa", &[]);
        put(&setup.config.secret.join("ssh_host_ecdsa_key"), host);
        let before = check(&setup).await;
        assert_eq!(before.len(), 1, "{before:#?}");
        assert!(before[0].subject.ends_with(".ssh/config"));
        let mut pod = Pod::start(setup.clone());
        pod.up().await;
        let findings = check(&setup).await;
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].subject, "segment-b-0.gp.test");
        assert!(findings[0].what.contains("Could not resolve hostname"));
        assert!(findings[0].remedy.contains("check dns"));
        let text = known_hosts(&setup).await;
        assert_eq!(text, pod.ssh_file("known_hosts"));
        assert_eq!(
            text.trim(),
            format!(
                "coordinator-?,segment-a-?,segment-b-?,*.gp.test,[coordinator-?]:2222,[segment-a-?]:2222,[segment-b-?]:2222,[*.gp.test]:2222 {}",
                host_public.trim()
            )
        );
    });
}
