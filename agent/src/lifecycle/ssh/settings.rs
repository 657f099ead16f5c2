//! What SSH is told once: who we are, where things belong, how often to look.

use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::SshConfig;
use gp_agent_core::process::passwd::Account;
use gp_agent_core::ssh::key_rotation::OVERLAP;
use gp_agent_core::ssh::ports::peers_port;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The addresses of the peers found so far, by the pod's short name.
pub type PeerAddresses = BTreeMap<String, Vec<IpAddr>>;

/// How often things are done. The default is what the product does; tests are less patient.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Between two looks at the Secret's metadata.
    pub poll: Duration,
    /// How long a replaced key stays accepted.
    pub overlap: Duration,
    /// Between two looks at a peer's host key that is known.
    pub rescan: Duration,
    /// Before something that failed (a port in use, a home that is read-only) is tried again.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            poll: Duration::from_secs(1),
            overlap: OVERLAP,
            rescan: Duration::from_secs(600),
            retry: Duration::from_secs(5),
        }
    }
}

/// Who we are and where things belong; does not change while the agent runs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Secret and port.
    pub config: SshConfig,
    /// The user that comes in and goes out.
    pub account: Account,
    /// All pods.
    pub topology: Topology,
    /// This pod.
    pub me: Member,
    /// `<volume>/.gp-agent`: host key, pins and the memory of rotations.
    pub state_dir: PathBuf,
    /// Sockets and everything else that need not survive: sshd_config, PID file, copies of the host keys.
    pub run_dir: PathBuf,
    /// Environment of the sessions, as the cluster's tools need it.
    pub set_env: Vec<(String, String)>,
    /// How often.
    pub timing: Timing,
}

impl Setup {
    /// ~/.ssh.
    pub(super) fn ssh_dir(&self) -> PathBuf {
        self.account.home.join(".ssh")
    }

    /// A file of ours on the volume.
    pub(super) fn state(&self, name: &str) -> PathBuf {
        self.state_dir.join("ssh").join(name)
    }

    /// The port at which peers ask each other.
    pub(super) fn port(&self) -> u16 {
        peers_port(self.config.port)
    }
}
