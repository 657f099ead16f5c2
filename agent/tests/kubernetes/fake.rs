//! An API server for one pod, with faults.

use super::fake_leases::Body;
use super::fake_objects::{Answer, Objects, status};
use gp_agent::internals::kubernetes::InClusterConfig;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// No test needs this long; it only turns a hang into a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Well,
    /// Answers with that code.
    Refuses(u16),
    /// Answers with that code after having done what it was asked.
    DoesAndFails(u16),
    /// Takes the request and never answers.
    Hangs,
    /// Closes every connection at once.
    Closes,
    /// Answers with something that is no JSON.
    Babbles,
}

/// A running server. It ends with the value.
pub(crate) struct ApiServer {
    pub objects: Arc<Mutex<Objects>>,
    mood: watch::Sender<Mood>,
    /// Counts every request that has been answered, or not, as the mood is.
    pub requests: watch::Receiver<Vec<String>>,
    directory: TempDir,
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Shared {
    objects: Arc<Mutex<Objects>>,
    mood: watch::Receiver<Mood>,
    requests: watch::Sender<Vec<String>>,
}

impl ApiServer {
    /// Serves the pod `prod/segment-a-0` with the uid `uid-1`.
    pub(crate) async fn start() -> ApiServer {
        let directory = tempfile::tempdir().unwrap();
        let acceptor = certify(&directory);
        std::fs::write(directory.path().join("token"), "token-1").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let objects = Arc::new(Mutex::new(Objects::new("prod", "segment-a-0", "uid-1")));
        let (mood, moods) = watch::channel(Mood::Well);
        let (log, requests) = watch::channel(Vec::new());
        let shared = Shared {
            objects: objects.clone(),
            mood: moods,
            requests: log,
        };
        let server = tokio::spawn(accept(listener, acceptor, shared));
        ApiServer {
            objects,
            mood,
            requests,
            directory,
            port,
            server,
        }
    }

    /// The place of the pod that is served.
    pub(crate) fn place(&self) -> InClusterConfig {
        InClusterConfig {
            server: format!("https://127.0.0.1:{}", self.port),
            directory: self.directory.path().to_path_buf(),
            namespace: "prod".into(),
            pod: "segment-a-0".into(),
            uid: Some("uid-1".into()),
            lease: None,
        }
    }

    pub(crate) fn feels(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The role label as it is stored.
    pub(crate) fn role(&self) -> Option<String> {
        self.objects.lock().unwrap().role()
    }

    /// Waits until that is stored as the role label.
    pub(crate) async fn until_role(&mut self, role: Option<&str>) {
        let objects = self.objects.clone();
        let reached = self
            .requests
            .wait_for(|_| objects.lock().unwrap().role().as_deref() == role);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("the label never became {role:?}"))
            .unwrap();
    }

    /// Waits for that many requests, counted from the beginning.
    pub(crate) async fn until_requests(&mut self, count: usize) {
        let reached = self.requests.wait_for(|log| log.len() >= count);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("there were never {count} requests"))
            .unwrap();
    }

    /// `GET`, `PATCH`, ... of every request so far.
    pub(crate) fn verbs(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    pub(crate) fn change_token(&self, token: &str) {
        std::fs::write(self.directory.path().join("token"), token).unwrap();
    }
}

/// A CA of its own, as every cluster has; its certificate is mounted beside the token.
fn certify(directory: &TempDir) -> TlsAcceptor {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.path().join("ca.crt"), ca.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_string(), "kubernetes".to_string()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), shared.clone()));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Shared) {
    if *shared.mood.borrow() == Mood::Closes {
        shared.requests.send_modify(|log| log.push("closed".into()));
        return;
    }
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut mood = shared.mood.clone();
    let service = service_fn(|request| answer(shared.clone(), request));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        _ = mood.wait_for(|mood| *mood == Mood::Closes) => {}
    }
}

async fn answer(shared: Shared, request: Request<Incoming>) -> hyper::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mood = *shared.mood.borrow();
    let watches = head.uri.query().is_some_and(|query| query.contains("watch=true"));
    if watches && mood == Mood::Well {
        let watched = shared.objects.lock().unwrap().watch_leases(&head);
        shared.requests.send_modify(|log| log.push("WATCH".into()));
        return Ok(match watched {
            Ok(body) => Response::new(body),
            Err((code, words)) => respond(code, words.to_string()),
        });
    }
    let does = matches!(mood, Mood::Well | Mood::DoesAndFails(_));
    let done = does.then(|| shared.objects.lock().unwrap().answer(&head, &body));
    shared.requests.send_modify(|log| log.push(head.method.to_string()));
    let (code, body) = match mood {
        Mood::Hangs => std::future::pending().await,
        Mood::Babbles => return Ok(respond(200, "<html>a proxy</html>".into())),
        Mood::Refuses(code) | Mood::DoesAndFails(code) => status(code, "as the test wants it"),
        Mood::Well | Mood::Closes => {
            let Answer { code, body } = done.unwrap_or(Answer {
                code: 503,
                body: serde_json::Value::Null,
            });
            (code, body)
        }
    };
    Ok(respond(code, body.to_string()))
}

fn respond(code: u16, body: String) -> Response<Body> {
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Body::whole(body))
        .unwrap()
}
