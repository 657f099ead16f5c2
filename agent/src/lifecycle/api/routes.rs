//! Which path answers what: probes, status, metrics and role endpoints on TCP, and the same plus hold and resume on the unix
//! socket.

use super::agent::{Agent, Done};
use super::endpoints::{self, Route};
use super::metrics;
use super::refusal::Refusal;
use crate::sys::http::{self, Body, CameFrom, Handler, HttpLimits, Reply};
use crate::sys::log;
use gp_agent_core::cluster::document::Origin;
use gp_agent_core::cluster::exposition::MetricsFormat;
use gp_agent_core::cluster::failover_command::FailoverCommand;
use gp_agent_core::cluster::probes;
use gp_agent_core::cluster::probes::Verdict;
use gp_agent_core::cluster::report::Report;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::log::printable::one_line;
use gp_agent_core::recovery::machine::model::Wish;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

/// Where a request came in; only the unix socket, which is this user's alone, may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The network.
    Tcp,
    /// This user, in this container.
    Unix,
}

/// Rounds of questions to all peers at once, on each side; `/cluster` is the one expensive path.
const GATHERINGS: usize = 2;

/// The paths of one side.
struct Router {
    agent: Arc<dyn Agent>,
    side: Side,
    gatherings: Semaphore,
    /// Time for the body of a request.
    body_within: Duration,
}

impl Router {
    fn new(agent: Arc<dyn Agent>, side: Side, limits: HttpLimits) -> Arc<Router> {
        Arc::new(Router {
            agent,
            side,
            gatherings: Semaphore::new(GATHERINGS),
            body_within: limits.header,
        })
    }
}

impl Handler for Router {
    fn answer(&self, request: Request<Incoming>) -> Reply<'_, Response<Body>> {
        Box::pin(answer(self, request))
    }
}

/// Serves on the network until `stop` becomes true. Connections that are open then end by their own time-outs.
pub async fn serve_tcp(
    listeners: Vec<TcpListener>,
    agent: Arc<dyn Agent>,
    limits: HttpLimits,
    stop: watch::Receiver<bool>,
) {
    http::serve_tcp(listeners, Router::new(agent, Side::Tcp, limits), limits, stop).await;
}

/// Serves this container's own user until `stop` becomes true, then removes the socket.
pub async fn serve_unix(
    listener: UnixListener,
    path: PathBuf,
    agent: Arc<dyn Agent>,
    limits: HttpLimits,
    stop: watch::Receiver<bool>,
) {
    http::serve_unix(listener, path, Router::new(agent, Side::Unix, limits), limits, stop).await;
}

/// Bytes of a hold's reason.
const MAX_REASON: usize = 1024;
/// Bytes of a request's target; the longest path here has 12.
const MAX_TARGET: usize = 1024;
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

async fn answer(router: &Router, request: Request<Incoming>) -> Response<Body> {
    let target = request.uri().path_and_query().map_or(0, |t| t.as_str().len());
    if target > MAX_TARGET {
        return refuse(StatusCode::URI_TOO_LONG, "a path has at most 1024 bytes");
    }
    let Some((endpoint, route)) = endpoints::find(request.uri().path()) else {
        return refuse(StatusCode::NOT_FOUND, &endpoints::no_such_path());
    };
    let posted = endpoint.method == "POST";
    let allowed = match *request.method() {
        Method::POST => posted,
        Method::GET | Method::HEAD => !posted,
        _ => false,
    };
    if !allowed {
        return not_allowed(if posted { "POST" } else { "GET, HEAD" });
    }
    if endpoint.unix_only {
        return change(router, route, request).await;
    }
    if !request.body().is_end_stream() {
        return refuse(StatusCode::BAD_REQUEST, "this path takes no body");
    }
    if let Route::Promise = route {
        return promise(router, &request).await;
    }
    if let Route::Metrics = route {
        return exposition(router, &request);
    }
    read(router, route).await
}

async fn promise(router: &Router, request: &Request<Incoming>) -> Response<Body> {
    let question = request.uri().query().and_then(|query| query.parse().ok());
    let from = request.extensions().get::<CameFrom>();
    let (Some(question), Some(CameFrom(from))) = (question, from) else {
        return refuse(StatusCode::BAD_REQUEST, "only another coordinator's agent asks this");
    };
    match router.agent.promise(question, *from).await {
        Some(reply) => json(&reply),
        None => refuse(StatusCode::FORBIDDEN, "only the other coordinator's agent is answered"),
    }
}

async fn read(router: &Router, route: Route) -> Response<Body> {
    match route {
        Route::Cluster => return cluster(router).await,
        Route::Catalog(content) => return json(&router.agent.catalog(content)),
        Route::Partner => return partner(router).await,
        Route::Recheck => return recheck(router),
        Route::LookAgain => {
            router.agent.recheck();
            return text(StatusCode::OK, "soon");
        }
        _ => {}
    }
    let (status, now) = (router.agent.status(), router.agent.now());
    match route {
        Route::Startup => probe(&probes::startup(&status)),
        Route::Live => probe(&probes::live(&status, now)),
        Route::Ready => probe(&probes::ready(&status, now)),
        Route::Role(role) => probe(&probes::role(&status, role, now)),
        _ => json(&Report::new(status, now)),
    }
}

fn exposition(router: &Router, request: &Request<Incoming>) -> Response<Body> {
    let accept = request.headers().get_all(ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
    let format = MetricsFormat::accepted(&accept.join(","));
    let text = metrics::render(&router.agent.status(), log::dropped(), router.agent.now(), format);
    respond(StatusCode::OK, format.content_type(), text)
}

async fn partner(router: &Router) -> Response<Body> {
    match router.agent.partner().await {
        Some(look) => json(&look),
        None => text(
            StatusCode::NOT_FOUND,
            "this pod has no partner, or does not know it yet",
        ),
    }
}

/// The re-read happens later; who answers is said, so that the caller knows whether it reached the right pod.
fn recheck(router: &Router) -> Response<Body> {
    router.agent.recheck();
    let PodStatus { pod, cluster, fqdn, .. } = router.agent.status();
    let mut response = json(&Origin::new(pod, cluster, fqdn));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn json(document: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_string(document) {
        Ok(json) => respond(StatusCode::OK, JSON, json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn cluster(router: &Router) -> Response<Body> {
    let Ok(_place) = router.gatherings.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the agent ends");
    };
    respond(StatusCode::OK, JSON, router.agent.cluster().await)
}

async fn change(router: &Router, route: Route, request: Request<Incoming>) -> Response<Body> {
    if router.side == Side::Tcp {
        return refuse(
            StatusCode::FORBIDDEN,
            "only on the agent's unix socket; use gp-agent hold, resume, switchover, failover, recover, rebalance or expand in the container",
        );
    }
    let body = Limited::new(request.into_body(), MAX_REASON).collect();
    let body = match tokio::time::timeout(router.body_within, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a reason has at most 1024 bytes");
        }
        Ok(Err(error)) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_) => {
            return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        }
    };
    // A reason goes to logs, metrics and terminals.
    let words = one_line(&String::from_utf8_lossy(&body));
    let done = match route {
        Route::Hold => router.agent.hold(words).await,
        Route::Resume => router.agent.resume().await,
        Route::Recover => return begun(router.agent.recover(Wish::of(&words)).await),
        Route::Rebalance if body.is_empty() => return begun(router.agent.rebalance().await),
        Route::Expand if body.is_empty() => return begun(router.agent.expand().await),
        _ => return failover(router, route, &words).await,
    };
    match done {
        Ok(()) => text(StatusCode::OK, "done"),
        Err(refusal) => refused(&refusal),
    }
}

async fn failover(router: &Router, route: Route, word: &str) -> Response<Body> {
    let command = match (route, word) {
        (Route::Switchover, "") => FailoverCommand::Switchover { when_idle: false },
        (Route::Switchover, "cancel") => FailoverCommand::CancelSwitchover,
        (Route::Switchover, "when-idle") => FailoverCommand::Switchover { when_idle: true },
        (Route::Failover, "accept-data-loss") => FailoverCommand::AcceptDataLoss,
        (Route::PauseFailover, "") => FailoverCommand::Pause,
        (Route::ResumeFailover, "") => FailoverCommand::Resume,
        _ => return refuse(StatusCode::BAD_REQUEST, "this path takes another body, or none"),
    };
    match router.agent.failover(command).await {
        Ok(Done::Finished(words)) => text(StatusCode::OK, &words),
        Ok(Done::UnderWay) => text(StatusCode::ACCEPTED, "under way; gp-agent status says how it goes on"),
        Err(refusal) => refused(&refusal),
    }
}

fn begun(answer: Result<String, Refusal>) -> Response<Body> {
    match answer {
        Ok(words) => text(StatusCode::OK, &words),
        Err(refusal) => refused(&refusal),
    }
}

/// The request itself is in order: what stands against it is the state of the pod or of the cluster.
fn refused(refusal: &Refusal) -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, &refusal.to_string())
}

fn probe(verdict: &Verdict) -> Response<Body> {
    let code = if verdict.ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(code, &verdict.why)
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &format!("only {methods}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Nobody who is refused keeps the connection.
fn refuse(code: StatusCode, line: &str) -> Response<Body> {
    let mut response = text(code, line);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn text(code: StatusCode, line: &str) -> Response<Body> {
    respond(code, TEXT, format!("{line}\n"))
}

fn respond(code: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Bytes::from(body)));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
