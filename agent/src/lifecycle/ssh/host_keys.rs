//! Host keys: our own on the volume, and those of the peers, seen once and pinned.

use super::settings::{PeerAddresses, Setup};
use crate::sys::ssh::programs::{PublicHalfError, ToolError, generate, public_half, scan};
use crate::sys::ssh::secret::{KeyPair, PrivateKey};
use crate::sys::storage::fs::write_atomically;
use crate::sys::storage::queue::VolumeQueue;
use crate::sys::text::read_text;
use futures_util::{StreamExt, stream};
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::retry::doubling;
use gp_agent_core::ssh::known_hosts::{Observed, Pins};
use gp_agent_core::ssh::public_key::PublicKey;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Hosts that one ssh-keyscan asks, all at the same time.
const CHUNK: usize = 32;

/// ssh-keyscans that run at the same time.
const SCANS: usize = 4;

/// The first and the longest wait before a peer that did not answer is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tries after which silence is worth a finding.
const SILENT_TRIES: u32 = 5;

/// Why a scan of a peer brought no key.
#[derive(Clone, Debug, thiserror::Error)]
enum NoKey {
    /// ssh-keyscan could not be run to its end; it was asked of several peers.
    #[error(transparent)]
    Tool(Arc<ToolError>),
    /// What ssh-keyscan says of that peer.
    #[error("{0}")]
    Refused(String),
    /// It says nothing of it.
    #[error("no answer")]
    Silent,
}

/// What one scan of one peer brought.
type Scanned = (String, Result<Vec<PublicKey>, NoKey>);

struct Peer {
    addresses: Vec<IpAddr>,
    due: Instant,
    misses: u32,
    trouble: Option<NoKey>,
    changed: Option<(PublicKey, PublicKey)>,
}

/// The peers' host keys.
pub(super) struct Hosts {
    setup: Arc<Setup>,
    file: PathBuf,
    pins: Pins,
    stamp: Option<Stamp>,
    peers: BTreeMap<String, Peer>,
    scan: JoinSet<Vec<Scanned>>,
    unwritten: Option<Finding>,
    volume: VolumeQueue,
}

impl Hosts {
    /// Reads what was pinned before.
    pub(super) fn load(setup: Arc<Setup>) -> Hosts {
        let mut hosts = Hosts {
            file: setup.state("known_hosts"),
            setup,
            pins: Pins::default(),
            stamp: None,
            peers: BTreeMap::new(),
            scan: JoinSet::new(),
            unwritten: None,
            volume: VolumeQueue::default(),
        };
        hosts.take_in(read(&hosts.file));
        hosts
    }

    /// What is pinned.
    pub(super) fn pins(&self) -> &Pins {
        &self.pins
    }

    /// One look at everything: the pin file (an administrator may have removed a line), a scan that has ended, peers that are due.
    /// True when the pins changed. Without `scans` (all pods have the same key) nobody is asked.
    pub(super) async fn turn(&mut self, addresses: &PeerAddresses, scans: bool) -> bool {
        let before = self.pins.clone();
        let file = self.file.clone();
        if self.volume.run(move || stamp(&file)).await != self.stamp {
            let file = self.file.clone();
            let seen = self.volume.run(move || read(&file)).await;
            self.take_in(seen);
            for peer in self.peers.values_mut().filter(|p| p.changed.is_some()) {
                peer.due = Instant::now();
            }
        }
        if !scans {
            self.peers.clear();
            self.scan.abort_all();
        }
        while let Some(scanned) = self.scan.try_join_next() {
            for (pod, answer) in scanned.unwrap_or_default() {
                self.take(&pod, answer);
            }
        }
        if scans {
            self.follow(addresses);
            self.ask();
        }
        if self.pins != before {
            self.write().await;
        }
        self.pins != before
    }

    fn take_in(&mut self, (stamp, text): (Option<Stamp>, String)) {
        self.stamp = stamp;
        self.pins = Pins::parse(&text, &self.setup.topology);
    }

    async fn write(&mut self) {
        let text = self.pins.render(&self.setup.topology, self.setup.port());
        let file = self.file.clone();
        let write = move || (write_private(&file, text.as_bytes()), stamp(&file));
        let (written, stamp) = self.volume.run(write).await;
        self.stamp = stamp;
        self.unwritten = written.err().map(|error| {
            Finding::error(
                Area::Ssh,
                self.file.display().to_string(),
                format!("cannot pin the peers' host keys: {error}"),
                "make the volume writable; until then the keys would be trusted anew after a restart",
            )
        });
    }

    /// Asks soon who is new or has moved.
    fn follow(&mut self, addresses: &PeerAddresses) {
        let setup = self.setup.clone();
        for member in setup.topology.peers(&setup.me) {
            let Some(found) = addresses.get(&member.pod).filter(|a| !a.is_empty()) else {
                continue;
            };
            let peer = self.peers.entry(member.pod.clone()).or_insert(Peer {
                addresses: Vec::new(),
                due: Instant::now(),
                misses: 0,
                trouble: None,
                changed: None,
            });
            if peer.addresses != *found {
                peer.addresses.clone_from(found);
                peer.due = Instant::now();
                peer.misses = 0;
            }
        }
    }

    fn ask(&mut self) {
        if !self.scan.is_empty() {
            return;
        }
        let now = Instant::now();
        let due: Vec<(String, IpAddr)> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.due <= now)
            .filter_map(|(pod, peer)| Some((pod.clone(), *peer.addresses.first()?)))
            .collect();
        if !due.is_empty() {
            self.scan.spawn(scan_all(due, self.setup.port()));
        }
    }

    fn take(&mut self, pod: &str, answer: Result<Vec<PublicKey>, NoKey>) {
        let Some(peer) = self.peers.get_mut(pod) else {
            return;
        };
        let keys = match answer {
            Ok(keys) => keys,
            Err(trouble) => {
                peer.misses = peer.misses.saturating_add(1);
                peer.trouble = Some(trouble);
                peer.due = Instant::now() + doubling(FIRST_PAUSE, peer.misses, LONGEST_PAUSE);
                return;
            }
        };
        peer.misses = 0;
        peer.due = Instant::now() + self.setup.timing.rescan;
        peer.changed = match self.pins.observe(pod, &keys) {
            Observed::Same => None,
            Observed::Pinned => {
                let fingerprints: Vec<_> = keys.iter().map(PublicKey::fingerprint).collect();
                tracing::info!(pod, key = %fingerprints.join(" "), "pinned a peer's host key");
                None
            }
            Observed::Changed { pinned, offered } => Some((pinned, offered)),
        };
    }

    /// Changed keys, and peers that stay silent.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.unwritten.iter().cloned().collect();
        for (pod, peer) in &self.peers {
            if let Some((pinned, offered)) = &peer.changed {
                findings.push(changed(pod, pinned, offered, &self.file));
            } else if let Some(trouble) = &peer.trouble
                && peer.misses >= SILENT_TRIES
                && self.pins.of(pod).is_empty()
            {
                findings.push(Finding::warning(
                    Area::Ssh,
                    pod,
                    format!("no host key answers on port {} ({trouble})", self.setup.port()),
                    "look at `gp-agent status` and the log of that pod; is a NetworkPolicy in the way?",
                ));
            }
        }
        findings
    }
}

fn changed(pod: &str, pinned: &PublicKey, offered: &PublicKey, file: &Path) -> Finding {
    Finding::error(
        Area::Ssh,
        pod,
        format!(
            "its host key changed from {} to {}; the new one is refused",
            pinned.fingerprint(),
            offered.fingerprint()
        ),
        format!(
            "if that pod got a new volume, run `ssh-keygen -R {pod} -f {}` on this pod, and the new key is pinned; if not, somebody \
             else answers in its place. With a host key in the Secret this cannot happen",
            file.display()
        ),
    )
}

/// Tells one state of a file from another: inode, and when it was changed.
type Stamp = (u64, i64, i64);

fn read(file: &Path) -> (Option<Stamp>, String) {
    (stamp(file), read_text(file).unwrap_or_default())
}

fn stamp(file: &Path) -> Option<Stamp> {
    let m = fs::metadata(file).ok()?;
    Some((m.ino(), m.mtime(), m.mtime_nsec()))
}

fn write_private(file: &Path, contents: &[u8]) -> io::Result<bool> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    write_atomically(file, contents, 0o600)
}

async fn scan_all(due: Vec<(String, IpAddr)>, port: u16) -> Vec<Scanned> {
    let chunks: Vec<Vec<(String, IpAddr)>> = due.chunks(CHUNK).map(<[_]>::to_vec).collect();
    stream::iter(chunks)
        .map(|chunk| scan_chunk(chunk, port))
        .buffer_unordered(SCANS)
        .concat()
        .await
}

async fn scan_chunk(chunk: Vec<(String, IpAddr)>, port: u16) -> Vec<Scanned> {
    let addresses: Vec<IpAddr> = chunk.iter().map(|(_, address)| *address).collect();
    let answer = scan(&addresses, port).await.map_err(Arc::new);
    let one = |(pod, address): (String, IpAddr)| {
        let found = match &answer {
            Err(error) => Err(NoKey::Tool(error.clone())),
            Ok((keys, words)) => {
                let mine: Vec<PublicKey> = keys
                    .iter()
                    .filter(|(from, _)| *from == address)
                    .map(|(_, key)| key.clone())
                    .collect();
                let about = |words: &str| {
                    let mut parts = words.split("; ");
                    let part = parts.find(|part| part.contains(&address.to_string()));
                    part.map_or(NoKey::Silent, |part| NoKey::Refused(part.to_string()))
                };
                match mine.is_empty() {
                    true => Err(about(words)),
                    false => Ok(mine),
                }
            }
        };
        (pod, found)
    };
    chunk.into_iter().map(one).collect()
}

/// This pod's own host key on the volume, made when there is none.
pub(super) async fn own_key(setup: &Setup) -> Result<KeyPair, Finding> {
    let file = setup.state("ssh_host_ed25519_key");
    let failed = |what: String, remedy: &str| Finding::error(Area::Ssh, file.display().to_string(), what, remedy);
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = generate(&setup.run_dir).await.map_err(|error| {
                failed(
                    format!("cannot make a host key: {error}"),
                    "OpenSSH's programs have to be in the image, and the run directory writable",
                )
            })?;
            write_private(&file, &text).map_err(|error| {
                failed(
                    format!("cannot keep the new host key: {error}"),
                    "make the volume writable for the pod's user",
                )
            })?;
            tracing::info!(file = %file.display(), "made a host key");
            text
        }
        Err(error) => {
            return Err(failed(
                format!("cannot be read: {error}"),
                "make it readable for the pod's user",
            ));
        }
    };
    let public = public_half(&text, &setup.run_dir).await;
    let public = public.map_err(|error: PublicHalfError| {
        failed(
            format!("not a usable host key: {error}"),
            "move it away; the agent makes a new one, which the peers then have to be told (or put a host key into the Secret)",
        )
    })?;
    Ok(KeyPair {
        private: PrivateKey::new(text),
        public,
    })
}
