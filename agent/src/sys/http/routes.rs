//! Which path answers what.

use super::{Body, Side};
use crate::domain::health::{self, Verdict};
use crate::domain::status::PodStatus;
use crate::domain::topology::Role;
use crate::sys::metrics;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::future::Future;
use std::pin::Pin;

/// A future that a trait object can return.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the server asks of the agent.
pub trait Agent: Send + Sync {
    /// This pod, as it is now.
    fn status(&self) -> PodStatus;
    /// Unix seconds.
    fn now(&self) -> u64;
    /// Every pod of the cluster, as a JSON array.
    fn cluster(&self) -> Reply<'_, String>;
    /// Takes the postmaster out of supervision. Words when it cannot be.
    fn hold(&self, reason: String) -> Reply<'_, Result<(), String>>;
    /// Gives it back. Words when it cannot be.
    fn resume(&self) -> Reply<'_, Result<(), String>>;
}

/// Bytes of a hold's reason.
const MAX_REASON: usize = 1024;
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn answer(
    agent: &dyn Agent,
    side: Side,
    request: Request<Incoming>,
) -> Response<Body> {
    let path = request.uri().path().to_string();
    let post = matches!(path.as_str(), "/hold" | "/resume");
    let method = request.method();
    if post && method == Method::POST {
        return change(agent, side, &path, request).await;
    }
    let known = post || is_read(&path);
    match (known, post, method) {
        (false, ..) => text(
            StatusCode::NOT_FOUND,
            "no such path; try /status, /readyz, /livez, /startupz, /metrics",
        ),
        (true, true, _) => not_allowed("POST"),
        (true, false, &Method::GET | &Method::HEAD) => read(agent, &path).await,
        _ => not_allowed("GET, HEAD"),
    }
}

fn is_read(path: &str) -> bool {
    matches!(
        path,
        "/startupz" | "/livez" | "/readyz" | "/status" | "/cluster" | "/metrics"
    ) || role_of(path).is_some()
}

async fn read(agent: &dyn Agent, path: &str) -> Response<Body> {
    let (status, now) = (agent.status(), agent.now());
    match path {
        "/startupz" => probe(&health::startup(&status)),
        "/livez" => probe(&health::live(&status, now)),
        "/readyz" => probe(&health::ready(&status, now)),
        "/metrics" => respond(StatusCode::OK, OPEN_METRICS, metrics::render(&status, now)),
        "/cluster" => respond(StatusCode::OK, JSON, agent.cluster().await),
        "/status" => match serde_json::to_string(&status) {
            Ok(json) => respond(StatusCode::OK, JSON, json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        _ => match role_of(path) {
            Some(role) => probe(&health::role(&status, role, now)),
            None => text(StatusCode::NOT_FOUND, "no such path"),
        },
    }
}

fn role_of(path: &str) -> Option<Role> {
    match path {
        "/coordinator" => Some(Role::Coordinator),
        "/standby" => Some(Role::Standby),
        "/primary" => Some(Role::Primary),
        "/mirror" => Some(Role::Mirror),
        _ => None,
    }
}

async fn change(
    agent: &dyn Agent,
    side: Side,
    path: &str,
    request: Request<Incoming>,
) -> Response<Body> {
    if side == Side::Tcp {
        let words = "only on the agent's unix socket; use gp-agent hold or gp-agent resume in the container";
        return text(StatusCode::FORBIDDEN, words);
    }
    let Ok(body) = Limited::new(request.into_body(), MAX_REASON)
        .collect()
        .await
    else {
        return text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "a reason has at most 1024 bytes",
        );
    };
    let reason = String::from_utf8_lossy(&body.to_bytes()).replace(['\n', '\r'], " ");
    let done = if path == "/hold" {
        agent.hold(reason).await
    } else {
        agent.resume().await
    };
    match done {
        Ok(()) => text(StatusCode::OK, "done"),
        Err(words) => text(StatusCode::SERVICE_UNAVAILABLE, &words),
    }
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
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {methods}"));
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
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
