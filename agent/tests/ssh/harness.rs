//! A pod of its own for each test: mount, network and PID namespaces, an ordinary user with a home directory, names in /etc/hosts.
//! The test calls itself again inside; needs root outside. Everything that was started ends with the PID namespace.

use gp_agent::internals::process::current_account;
use gp_agent::internals::ssh::{PeerAddresses, Setup, Ssh, SshReport, Timing};
use gp_agent_core::cluster::topology::{Member, Role, Topology};
use gp_agent_core::config::SshConfig;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What may take long on a busy machine and never does otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const MARK: &str = "GP_AGENT_TEST_INSIDE";

const OUTSIDE: &str = r#"
set -e
exe=$1 test=$2 lowest=$3
ip link set lo up
echo "$lowest" > /proc/sys/net/ipv4/ip_unprivileged_port_start
mount -t tmpfs -o mode=755 tmpfs /mnt
cd /mnt
touch exe && mount --bind "$exe" exe
(cat /etc/passwd; echo 'gptest:x:64900:64900::/mnt/home:/bin/sh') > passwd && mount --bind passwd /etc/passwd
for ip in 127.0.0.1 ::1; do
  for pod in coordinator-0 segment-a-0; do echo "$ip $pod $pod.gp.test"; done
done > hosts && mount --bind hosts /etc/hosts
mkdir home && chown 64900:64900 home
# Not exec: the shell stays PID 1 and reaps.
status=0
HOME=/mnt/home setpriv --reuid 64900 --regid 64900 --clear-groups /mnt/exe --exact "$test" --nocapture || status=$?
exit $status
"#;

/// Runs `body` as an ordinary user who may bind ports from `lowest_port` on.
pub(crate) fn isolated<F: Future<Output = ()>>(test: &str, lowest_port: u16, body: impl FnOnce() -> F) {
    if std::env::var_os(MARK).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(body());
    }
    let status = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "sh", "-c", OUTSIDE, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([test, &lowest_port.to_string()])
        .env(MARK, "1")
        .status()
        .unwrap();
    assert!(status.success(), "inside: {status} (these tests need root)");
}

/// Makes a key; `extra` are more arguments for ssh-keygen. Returns (private, public).
pub(crate) fn keygen(kind: &str, extra: &[&str]) -> (String, String) {
    let dir = tempfile::tempdir_in("/mnt/home").unwrap();
    let file = dir.path().join("key");
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "", "-f"])
        .arg(&file)
        .args(extra)
        .args(if extra.contains(&"-N") { &[][..] } else { &["-N", ""] })
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    (read(&file), read(&file.with_extension("pub")))
}

/// Writes a file of a Secret with a mode that is fit for a key.
pub(crate) fn put(path: &Path, text: impl AsRef<[u8]>) {
    if !path.exists() {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o440)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o440)).unwrap();
}

/// Writes a file beside `path` and moves it there.
pub(crate) fn replace(path: &Path, text: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    put(&new, text);
    fs::rename(new, path).unwrap();
}

/// One agent's SSH.
pub(crate) struct Pod {
    pub setup: Setup,
    pub status: watch::Receiver<SshReport>,
    pub peers: watch::Sender<PeerAddresses>,
    pub shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

pub(crate) fn member(pod: &str, role: Role) -> Member {
    Member {
        pod: pod.into(),
        fqdn: format!("{pod}.gp.test"),
        role,
        content: gp_agent_core::cluster::content::ContentId::new(0),
        port: 5432,
        data_dir: "/greenplum/gpseg0".into(),
    }
}

/// A pod `coordinator-0` with everything below /mnt/home, an empty Secret and little patience.
pub(crate) fn setup() -> Setup {
    let home = PathBuf::from("/mnt/home");
    let secret = home.join("secret");
    fs::create_dir_all(&secret).unwrap();
    let members = vec![
        member("coordinator-0", Role::Coordinator),
        member("segment-a-0", Role::Primary),
        member("segment-b-0", Role::Mirror),
    ];
    Setup {
        config: SshConfig { secret, port: None },
        account: current_account().unwrap(),
        me: members[0].clone(),
        topology: Topology {
            cluster: "test".into(),
            domain: "gp.test".into(),
            members,
        },
        state_dir: home.join("volume/.gp-agent"),
        run_dir: home.join("run"),
        set_env: vec![("GP_TEST".into(), "two words".into())],
        timing: Timing {
            poll: Duration::from_millis(50),
            rescan: Duration::from_millis(200),
            retry: Duration::from_millis(100),
            ..Timing::default()
        },
    }
}

impl Pod {
    pub(crate) fn start(setup: Setup) -> Pod {
        let (status_sender, status) = watch::channel(SshReport::default());
        let (peers, peers_receiver) = watch::channel(PeerAddresses::new());
        let (shutdown, shutdown_receiver) = watch::channel(false);
        let ssh = Ssh::new(setup.clone());
        Pod {
            setup,
            status,
            peers,
            shutdown,
            task: tokio::spawn(ssh.run(status_sender, peers_receiver, shutdown_receiver)),
        }
    }

    /// With one ed25519 user key in the Secret, and sshd up. Returns that key's private half too.
    pub(crate) async fn with_key() -> (Pod, String) {
        let setup = setup();
        let (private, _) = keygen("ed25519", &[]);
        put(&setup.config.secret.join("id_ed25519"), &private);
        let mut pod = Pod::start(setup);
        pod.up().await;
        (pod, private)
    }

    /// Waits for a report that fits.
    pub(crate) async fn until(&mut self, what: &str, fits: impl FnMut(&SshReport) -> bool) -> SshReport {
        let found = {
            let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(fits)).await;
            waited.ok().and_then(|seen| seen.ok().map(|report| report.clone()))
        };
        found.unwrap_or_else(|| panic!("no {what}; last report: {:#?}", self.status.borrow()))
    }

    pub(crate) async fn up(&mut self) -> i32 {
        let report = self
            .until("running sshd", |r| r.status.pid.is_some() && r.findings.is_empty())
            .await;
        report.status.pid.unwrap()
    }

    /// Waits for a finding about `subject` whose words contain `words`.
    pub(crate) async fn finding(&mut self, subject: &str, words: &str) {
        let fits = |r: &SshReport| {
            let of = |f: &gp_agent_core::finding::Finding| f.subject.ends_with(subject) && f.what.contains(words);
            r.findings.iter().any(of)
        };
        self.until(&format!("{subject}: {words}"), fits).await;
    }

    pub(crate) fn secret(&self, name: &str) -> PathBuf {
        self.setup.config.secret.join(name)
    }

    pub(crate) fn ssh_file(&self, name: &str) -> String {
        fs::read_to_string(self.setup.account.home.join(".ssh").join(name)).unwrap_or_default()
    }

    /// As when the agent is killed: nothing is tidied up.
    pub(crate) async fn kill(self) -> Setup {
        self.task.abort();
        let _ = self.task.await;
        self.setup
    }

    /// As when the pod is drained.
    pub(crate) async fn drain(self) -> Setup {
        self.shutdown.send(true).unwrap();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
        self.setup
    }
}

/// Runs ssh with these arguments; its output, or its words when it fails.
pub(crate) async fn ssh(args: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new("ssh")
        .args(args)
        .stdin(std::process::Stdio::null())
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// Logs in to this pod by a peer's name with one private key and nothing of ~/.ssh/config.
pub(crate) async fn ssh_with(private: &str, user: &str) -> Result<String, String> {
    let dir = tempfile::tempdir_in("/mnt/home").unwrap();
    let file = dir.path().join("key");
    fs::write(&file, private).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let key = file.to_str().unwrap();
    let options = ["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
    let unsure = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
    let rest = [
        "-o",
        "LogLevel=ERROR",
        "-p",
        "2222",
        "-l",
        user,
        "-i",
        key,
        "segment-a-0",
        "id -un",
    ];
    ssh(&[&options[..], &unsure, &rest].concat()).await
}

/// Waits until a condition holds that nobody reports.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
