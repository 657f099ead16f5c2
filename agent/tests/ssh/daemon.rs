//! sshd as a supervised child.

use crate::TOOL;
use crate::harness::{PATIENCE, Pod, eventually, isolated, keygen, put, setup, ssh};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn port_22_is_added_where_it_may_be_bound() {
    let name = "daemon::port_22_is_added_where_it_may_be_bound";
    isolated(name, 0, async || {
        let (pod, _) = Pod::with_key().await;
        assert_eq!(pod.status.borrow().status.ports, [22, 2222]);
        assert!(pod.ssh_file("config").contains("Port 2222\n"));
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
        let by_22 = ssh(&["-p", "22", "coordinator-0", "id -un"]).await;
        assert_eq!(by_22, Ok("gptest".into()));
    });
}

#[test]
fn a_killed_sshd_is_started_again() {
    isolated("daemon::a_killed_sshd_is_started_again", 1024, async || {
        let (mut pod, _) = Pod::with_key().await;
        let pid = pod.up().await;
        kill(pid);
        pod.until("another sshd", |r| r.status.pid.is_some_and(|p| p != pid))
            .await;
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
        let setup = pod.drain().await;
        assert!(!setup.run_dir.join("sshd.pid").exists(), "sshd was stopped");
    });
}

#[test]
fn a_running_sshd_is_adopted_and_still_supervised() {
    let name = "daemon::a_running_sshd_is_adopted_and_still_supervised";
    isolated(name, 1024, async || {
        let (mut pod, _) = Pod::with_key().await;
        let pid = pod.up().await;
        let mut pod = Pod::start(pod.kill().await);
        assert_eq!(pod.up().await, pid);
        assert_eq!(pod.status.borrow().status.ports, [2222]);
        // Found by its command line as well.
        fs::remove_file(pod.setup.run_dir.join("sshd.pid")).unwrap();
        let mut pod = Pod::start(pod.kill().await);
        assert_eq!(pod.up().await, pid);
        kill(pid);
        pod.until("another sshd", |r| r.status.pid.is_some_and(|p| p != pid))
            .await;
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
    });
}

/// Takes 2222 on all addresses of IPv6 and leaves IPv4's alone.
fn take_v6() -> TcpListener {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    let socket: OwnedFd = socket(AddressFamily::INET6, SocketType::STREAM, None).unwrap();
    sockopt::set_ipv6_v6only(&socket, true).unwrap();
    bind(&socket, &"[::]:2222".parse::<std::net::SocketAddr>().unwrap()).unwrap();
    listen(&socket, 1).unwrap();
    socket.into()
}

#[test]
fn a_port_taken_in_one_family_alone_is_named_and_waited_for() {
    let name = "daemon::a_port_taken_in_one_family_alone_is_named_and_waited_for";
    isolated(name, 1024, async || {
        let mut pod = Pod::start(setup());
        let v4 = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 2222)).unwrap();
        put(&pod.secret("id_ed25519"), keygen("ed25519", &[]).0);
        pod.finding("port 2222", "in use on IPv4; sshd is not started").await;
        let v6 = take_v6();
        pod.finding("port 2222", "in use on IPv4 and in use on IPv6").await;
        drop(v4);
        pod.finding("port 2222", "in use on IPv6; sshd is not started").await;
        drop(v6);
        pod.up().await;
        assert_eq!(ssh(&TOOL).await, Ok("gptest".into()));
    });
}

#[test]
fn what_sshd_says_of_its_configuration_is_reported() {
    let name = "daemon::what_sshd_says_of_its_configuration_is_reported";
    isolated(name, 1024, async || {
        let mut setup = setup();
        // sshd refuses a mask that no address has.
        setup.account.name = "gptest@10.0.0.1/99".into();
        put(&setup.config.secret.join("id_ed25519"), keygen("ed25519", &[]).0);
        let mut pod = Pod::start(setup);
        pod.finding("sshd_config", "AllowUsers").await;
        assert_eq!(pod.status.borrow().status.pid, None);
    });
}

#[test]
fn a_new_host_key_in_the_secret_is_taken_over_without_a_restart() {
    let name = "daemon::a_new_host_key_in_the_secret_is_taken_over_without_a_restart";
    isolated(name, 1024, async || {
        let (mut pod, _) = Pod::with_key().await;
        let pid = pod.up().await;
        for _ in 0..2 {
            let (private, public) = keygen("rsa", &[]);
            put(&pod.secret("ssh_host_rsa_key"), private);
            let public = public.trim().to_string();
            eventually("known", || pod.ssh_file("known_hosts").contains(&public)).await;
            // From ssh's point of view: only this key is trusted, and it is offered.
            let only = format!("segment-a-0 {public}\n");
            fs::write("/mnt/home/only", only).unwrap();
            let options = [
                "-o",
                "UserKnownHostsFile=/mnt/home/only",
                "-o",
                "HostKeyAlias=segment-a-0",
            ];
            let args = [&options[..], &["segment-a-0", "id -un"]].concat();
            // ~/.ssh/known_hosts comes first, sshd a moment later.
            let offered = async { while ssh(&args).await != Ok("gptest".into()) {} };
            tokio::time::timeout(PATIENCE, offered).await.unwrap();
            assert_eq!(ssh(&["segment-a-0", "id -un"]).await, Ok("gptest".into()));
            assert_eq!(pod.up().await, pid);
        }
    });
}
