//! Keeps this pod's `/etc/hosts` as discovery knows the peers.

use crate::sys::discovery::hosts_file::HostsFile;
use crate::sys::discovery::interfaces::own_addresses;
use crate::sys::storage::queue::VolumeQueue;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::discovery::kept_hosts::{KeptHost, MOST, Own, wanted};
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Thousands of peers are found one after another; one update for many.
const COALESCE: Duration = Duration::from_millis(200);
/// Somebody else may have changed the file.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The one writer of the file. Its clones are the same writer.
#[derive(Clone)]
pub struct HostsKeeper {
    inner: Arc<Inner>,
}

struct Inner {
    topology: Topology,
    me: Member,
    file: HostsFile,
    /// A file on a volume that hangs must not keep the heart from beating; and writers come one after another.
    queue: VolumeQueue,
    trouble: Mutex<Option<String>>,
}

impl HostsKeeper {
    /// The keeper of this pod's own file; nothing, and why in the log, where it has none that the agent may write. With
    /// `off` what an earlier agent wrote there no longer counts.
    pub(crate) async fn begin(topology: &Topology, me: &Member, off: bool) -> Option<HostsKeeper> {
        let off = off || topology.members.len() > MOST;
        let found = HostsFile::of_this_pod();
        if off {
            info!("names.hosts is off, or the pods are more than {MOST}: servers find each other by DNS alone");
            if let Ok(file) = found {
                HostsKeeper::new(topology, me, file).write(Vec::new()).await;
            }
            return None;
        }
        match found {
            Ok(file) => {
                info!(
                    "{} has the pods' addresses: they are found while DNS is away",
                    file.path().display()
                );
                Some(HostsKeeper::new(topology, me, file))
            }
            Err(why) => {
                info!("{why}. Servers find the pods by DNS alone");
                None
            }
        }
    }

    /// The keeper of this file.
    pub fn new(topology: &Topology, me: &Member, file: HostsFile) -> HostsKeeper {
        let inner = Inner {
            topology: topology.clone(),
            me: me.clone(),
            file,
            queue: VolumeQueue::default(),
            trouble: Mutex::default(),
        };
        HostsKeeper { inner: Arc::new(inner) }
    }

    /// Follows what discovery knows, until it ends.
    pub(super) async fn follow(self, mut peers: watch::Receiver<PeerMap>) {
        loop {
            self.update(&peers).await;
            match timeout(LOOK_AGAIN, peers.changed()).await {
                Ok(Ok(())) => sleep(COALESCE).await,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }

    /// Has the file say what is known now. Returns when it does, or is not to be waited for.
    pub(super) async fn update(&self, peers: &watch::Receiver<PeerMap>) {
        let addresses = own_addresses();
        let own = Own {
            me: &self.inner.me,
            addresses: &addresses,
        };
        let places = wanted(&self.inner.topology, own, &peers.borrow());
        if timeout(timeouts::HOSTS_WRITTEN, self.write(places)).await.is_err() {
            self.tell(Some("it is not written in time: its file system hangs".into()));
        }
    }

    async fn write(&self, places: Vec<KeptHost>) {
        let file = self.inner.file.clone();
        let done = self.inner.queue.run(move || file.update(&places)).await;
        self.tell(done.err().map(|error| error.to_string()));
    }

    fn tell(&self, trouble: Option<String>) {
        let mut known = self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == trouble {
            return;
        }
        match &trouble {
            Some(what) => warn!(
                "cannot write the pods' addresses to {}: {what}",
                self.inner.file.path().display()
            ),
            None => info!("{} has the pods' addresses again", self.inner.file.path().display()),
        }
        *known = trouble;
    }

    /// What an administrator should know of the file.
    pub(super) fn finding(&self) -> Option<Finding> {
        let trouble = self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let what = format!("the pods' addresses cannot be written: {}", trouble.as_deref()?);
        Some(Finding::warning(
            Area::Dns,
            self.inner.file.path().display().to_string(),
            what,
            "see that its volume has room, belongs to this pod's user and answers; or set names.hosts to off",
        ))
    }
}
