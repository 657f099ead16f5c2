//! A real server with a pretended agent, and clients that write bytes.

use gp_agent::internals::http::{Agent, Done, HttpLimits, Refusal, Reply, bind_tcp, bind_unix, serve_tcp, serve_unix};
use gp_agent::internals::peers::{FanOutLimits, PeerClient};
use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::document::Origin;
use gp_agent_core::cluster::failover_command::{CommandError, FailoverCommand};
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::status::{Phase, PodStatus, PostmasterStatus};
use gp_agent_core::cluster::topology::{Member, Role};
use gp_agent_core::discovery::peers::{PeerMap, PeerView};
use gp_agent_core::failover::candidate::Reply as Promised;
use gp_agent_core::failover::promise::{PromiseQuestion, PromiseReply};
use gp_agent_core::recovery::machine::model::Wish;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const NOW: u64 = 1_000;

/// An agent that says what it is told to say.
pub(crate) struct Fake {
    pub status: Mutex<PodStatus>,
    pub held: Mutex<Vec<String>>,
    pub refuses: Mutex<Option<String>>,
    /// Whether what is asked of failover takes longer than a request may.
    pub takes_long: AtomicBool,
    pub peers: Mutex<Peers>,
    pub rechecks: AtomicU32,
}

impl Fake {
    pub(crate) fn new() -> Arc<Fake> {
        Arc::new(Fake {
            status: Mutex::new(ready("segment-a-0", Role::Primary)),
            held: Mutex::default(),
            refuses: Mutex::default(),
            takes_long: AtomicBool::new(false),
            peers: Mutex::default(),
            rechecks: AtomicU32::new(0),
        })
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut PodStatus)) {
        change(&mut self.status.lock().unwrap());
    }

    fn done(&self, what: String) -> Result<(), Refusal> {
        match &*self.refuses.lock().unwrap() {
            Some(words) => Err(CommandError::Refused(words.clone()).into()),
            None => {
                self.held.lock().unwrap().push(what);
                Ok(())
            }
        }
    }
}

impl Agent for Fake {
    fn status(&self) -> PodStatus {
        self.status.lock().unwrap().clone()
    }

    fn now(&self) -> u64 {
        NOW
    }

    fn promise(&self, question: PromiseQuestion, from: IpAddr) -> Reply<'_, Option<PromiseReply>> {
        let partner = from.is_loopback() && question.by.pod == "coordinator-0";
        let origin = Origin::new("coordinator-1".into(), "warehouse".into(), "coordinator-1.gp".into());
        let reply = PromiseReply::new(origin, "u".into(), Promised::Yes);
        Box::pin(async move { partner.then_some(reply) })
    }

    fn partner(&self) -> Reply<'_, Option<PartnerLook>> {
        let origin = Origin::new("coordinator-1".into(), "warehouse".into(), "coordinator-1.gp".into());
        Box::pin(async move {
            Some(PartnerLook {
                origin,
                silent: true,
                takes_connections: false,
            })
        })
    }

    fn cluster(&self) -> Reply<'_, String> {
        let own = PodReport::own(Report::new(self.status(), NOW));
        let peers = self.peers.lock().unwrap().clone();
        Box::pin(async move {
            let mut entries = peers.statuses("warehouse", FanOutLimits::default()).await;
            entries.insert(0, own);
            serde_json::to_string(&entries).unwrap()
        })
    }

    fn catalog(&self, content: Option<ContentId>) -> CatalogReply {
        let status = self.status();
        let what = content.map_or("all".to_string(), |content| content.to_string());
        CatalogReply::new(status.cluster, status.fqdn, CatalogAnswer::NotCreated { what })
    }

    fn recheck(&self) {
        self.rechecks.fetch_add(1, Ordering::Relaxed);
    }

    fn hold(&self, reason: String) -> Reply<'_, Result<(), Refusal>> {
        Box::pin(async move { self.done(format!("hold {reason}")) })
    }

    fn resume(&self) -> Reply<'_, Result<(), Refusal>> {
        Box::pin(async move { self.done("resume".into()) })
    }

    fn failover(&self, command: FailoverCommand) -> Reply<'_, Result<Done, Refusal>> {
        let done = match self.takes_long.load(Ordering::Relaxed) {
            true => Done::UnderWay,
            false => Done::Finished("coordinator-1 has the coordinator's role".into()),
        };
        Box::pin(async move { self.done(format!("{command:?}")).map(|()| done) })
    }

    fn recover(&self, wish: Wish) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(async move { self.done(format!("{wish:?}")).map(|()| "it begins".into()) })
    }

    fn rebalance(&self) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(async move { self.done("rebalance".into()).map(|()| "it begins".into()) })
    }

    fn expand(&self) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(async move { self.done("expand".into()).map(|()| "it begins".into()) })
    }
}

pub(crate) fn ready(pod: &str, role: Role) -> PodStatus {
    PodStatus {
        cluster: "warehouse".into(),
        preferred_role: Some(role),
        active_role: Some(role),
        phase: Phase::Running,
        postmaster: PostmasterStatus {
            pid: Some(17),
            answer: "ok".into(),
            answered_at: NOW,
            ..Default::default()
        },
        loop_turned_at: NOW,
        phase_since: NOW,
        ..PodStatus::unknown(pod)
    }
}

pub(crate) fn member(pod: &str, role: Role) -> Member {
    Member {
        pod: pod.into(),
        fqdn: format!("{pod}.agent"),
        role,
        content: ContentId::new(0),
        port: 5432,
        data_dir: "/greenplum/gpseg0".into(),
    }
}

/// Pods that are asked on one port, and where discovery found them.
#[derive(Clone, Default)]
pub(crate) struct Peers {
    pub members: Vec<Member>,
    pub known: PeerMap,
    pub port: u16,
}

impl Peers {
    pub(crate) fn on(port: u16) -> Peers {
        Peers {
            port,
            ..Peers::default()
        }
    }

    /// One more, a mirror at these addresses.
    pub(crate) fn and(mut self, pod: &str, addresses: &[IpAddr]) -> Peers {
        let view = PeerView {
            libc_differs: None,
            addresses: addresses.to_vec(),
            ..PeerView::new(0)
        };
        self.members.push(member(pod, Role::Mirror));
        self.known.insert(pod.into(), view);
        self
    }

    pub(crate) async fn statuses(&self, cluster: &str, limits: FanOutLimits) -> Vec<PodReport> {
        let known = watch::channel(self.known.clone()).1;
        let client = PeerClient::new(cluster, &known, self.port);
        client.statuses(&self.members, limits).await
    }

    /// Asks the first of them for the catalog.
    pub(crate) async fn catalog(&self, content: Option<ContentId>) -> Result<CatalogAnswer, PeerError> {
        let known = watch::channel(self.known.clone()).1;
        let client = PeerClient::new("warehouse", &known, self.port);
        client.catalog(&self.members[0], content, Duration::from_secs(60)).await
    }

    /// Asks the first of them to look again.
    pub(crate) async fn recheck(&self) -> Result<(), PeerError> {
        let known = watch::channel(self.known.clone()).1;
        let client = PeerClient::new("warehouse", &known, self.port);
        client.recheck(&self.members[0], Duration::from_secs(60)).await
    }
}

/// Both doors of one agent.
pub(crate) struct Server {
    pub agent: Arc<Fake>,
    pub port: u16,
    pub dir: TempDir,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(HttpLimits::default())
    }

    pub(crate) fn with(limits: HttpLimits) -> Server {
        let agent = Fake::new();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent.sock");
        let (stop, stopped) = watch::channel(false);
        // Port 0 would be another one for each family.
        let mut listeners = bind_tcp(0).unwrap();
        listeners.truncate(1);
        let port = listeners[0].local_addr().unwrap().port();
        let unix = bind_unix(&socket).unwrap();
        let serving = vec![
            tokio::spawn(serve_tcp(listeners, agent.clone(), limits, stopped.clone())),
            tokio::spawn(serve_unix(unix, socket, agent.clone(), limits, stopped)),
        ];
        Server {
            agent,
            port,
            dir,
            stop,
            serving,
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for serving in self.serving {
            serving.await.unwrap();
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect(at).await.unwrap()
    }

    pub(crate) async fn unix(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    /// One request on a connection of its own, from its method to the end of its header.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        talk(self.tcp().await, request.as_bytes()).await
    }

    pub(crate) async fn ask_unix(&self, request: &str) -> Answer {
        talk(self.unix().await, request.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&get(path)).await
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("not an answer: {text:?}"));
    Answer {
        code: head[9..12].parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_string(),
    }
}

/// Writes, then reads until the server closes. What the server does not want to read it may refuse.
pub(crate) async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Answer {
    answer(&until_closed(stream, bytes).await)
}

pub(crate) async fn until_closed(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // A guard against a test that hangs; nothing is measured.
    let read = stream.read_to_end(&mut answer);
    let closed = tokio::time::timeout(Duration::from_secs(60), read).await;
    let _ = closed.expect("the server never closes the connection");
    answer
}
