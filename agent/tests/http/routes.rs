//! Every route and its codes.

use crate::support::{NOW, Server, answer, get, post, until_closed};
use gp_agent_core::cluster::document::Origin;
use gp_agent_core::cluster::report::Report;
use gp_agent_core::cluster::status::{Phase, PodStatus};
use gp_agent_core::cluster::topology::Role;
use std::sync::atomic::Ordering;

const READ: [&str; 10] = [
    "/startupz",
    "/livez",
    "/readyz",
    "/status",
    "/cluster",
    "/metrics",
    "/coordinator",
    "/standby",
    "/primary",
    "/mirror",
];

#[tokio::test]
async fn a_primary_that_works() {
    let server = Server::start();
    for (path, code) in [
        ("/startupz", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/readyz?verbose", 200),
        ("/primary", 200),
        ("/coordinator", 503),
        ("/standby", 503),
        ("/mirror", 503),
        ("/metrics", 200),
        ("/", 404),
        ("/readyz/", 404),
        ("/../etc/passwd", 404),
    ] {
        assert_eq!(server.get(path).await.code, code, "{path}");
    }
    let ready = server.get("/readyz").await;
    assert_eq!(ready.body, "active as primary, and SQL answers\n");
    assert!(ready.head.contains("content-type: text/plain"));
    assert!(ready.head.contains("cache-control: no-store"));
    let metrics = server.get("/metrics").await;
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{}", metrics.head);
    assert!(metrics.body.contains("gp_agent_ready 1.0\n"), "{}", metrics.body);
    assert!(metrics.body.contains("# TYPE gp_agent_oom_kills_total counter\n"));
    let accept = "\r\naccept: text/plain;q=0.5\r\naccept: application/openmetrics-text;version=1.0.0\r\nhost";
    let metrics = server.ask(&get("/metrics").replace("\r\nhost", accept)).await;
    assert!(metrics.head.contains("application/openmetrics-text; version=1.0.0"));
    assert!(metrics.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_database_that_recovers_is_alive_and_not_ready() {
    let server = Server::start();
    server.agent.change(|s| {
        s.phase = Phase::Starting;
        s.active_role = None;
        s.reason = "the database system is starting up".into();
    });
    assert_eq!(server.get("/livez").await.code, 200);
    assert_eq!(server.get("/startupz").await.code, 200);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.code, 503);
    assert_eq!(ready.body, "starting: the database system is starting up\n");
    server.agent.change(|s| s.loop_turned_at = NOW - 16);
    assert_eq!(server.get("/livez").await.code, 503);
    server.agent.change(|s| s.phase = Phase::Refused);
    assert_eq!(server.get("/startupz").await.code, 503);
}

#[tokio::test]
async fn each_role_has_its_path() {
    let server = Server::start();
    for (role, path) in [(Role::Coordinator, "/coordinator"), (Role::Primary, "/primary")] {
        server.agent.change(|s| s.active_role = Some(role));
        for asked in ["/coordinator", "/standby", "/primary", "/mirror"] {
            let code = if asked == path { 200 } else { 503 };
            assert_eq!(server.get(asked).await.code, code, "{role} {asked}");
        }
    }
}

#[tokio::test]
async fn status_is_the_document_with_its_verdicts() {
    let server = Server::start();
    let body = server.get("/status").await.body;
    let report: Report = serde_json::from_str(&body).unwrap();
    assert_eq!(report, Report::new(server.agent.status.lock().unwrap().clone(), NOW));
    assert!(serde_json::from_str::<PodStatus>(&body).is_ok());
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = Server::start();
    server.agent.change(|s| s.phase = Phase::Draining);
    for path in READ {
        let whole = server.get(path).await;
        let head = server.ask(&get(path).replace("GET", "HEAD")).await;
        assert_eq!(head.code, whole.code, "{path}");
        assert_eq!(head.body, "", "{path}");
        let length = format!("content-length: {}", whole.body.len());
        assert!(head.head.contains(&length), "{path}: {}", head.head);
    }
}

#[tokio::test]
async fn other_methods_are_told_what_is_allowed() {
    let server = Server::start();
    for path in READ {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let said = server.ask(&get(path).replace("GET", method)).await;
            assert_eq!(said.code, 405, "{method} {path}");
            assert!(said.head.contains("allow: get, head"), "{}", said.head);
        }
    }
    for path in [
        "/hold",
        "/resume",
        "/switchover",
        "/failover",
        "/failover/pause",
        "/failover/resume",
    ] {
        let said = server.ask_unix(&get(path)).await;
        assert_eq!(said.code, 405);
        assert!(said.head.contains("allow: post"), "{}", said.head);
    }
}

#[tokio::test]
async fn a_recheck_is_posted_and_says_who_takes_it() {
    let server = Server::start();
    let rechecks = || server.agent.rechecks.load(Ordering::Relaxed);
    let said = server.ask(&post("/recheck", "")).await;
    assert_eq!(said.code, 202);
    let origin: Origin = serde_json::from_str(&said.body).unwrap();
    let status = server.agent.status.lock().unwrap().clone();
    assert_eq!(origin, Origin::new(status.pod, status.cluster, status.fqdn));
    assert_eq!(rechecks(), 1);
    assert_eq!(server.ask_unix(&post("/recheck", "")).await.code, 202);
    assert_eq!(rechecks(), 2);
    let said = server.get("/recheck").await;
    assert_eq!(said.code, 405, "a GET changes nothing");
    assert!(said.head.contains("allow: post"), "{}", said.head);
    assert_eq!(server.ask(&post("/recheck", "now!")).await.code, 400);
    assert_eq!(rechecks(), 2);
    // As version 0.1.0 asks.
    let said = server.get("/look-again").await;
    assert_eq!((said.code, said.body.as_str()), (200, "soon\n"));
    assert_eq!(rechecks(), 3);
}

#[tokio::test]
async fn only_the_unix_socket_may_hold_and_resume() {
    let server = Server::start();
    for path in [
        "/hold",
        "/resume",
        "/switchover",
        "/failover",
        "/failover/pause",
        "/failover/resume",
    ] {
        let said = server.ask(&post(path, "me")).await;
        assert_eq!(said.code, 403, "{path}");
        assert!(said.body.contains("gp-agent hold"), "{}", said.body);
    }
    assert!(server.agent.held.lock().unwrap().is_empty());
    assert_eq!(server.ask_unix(&post("/hold", " a\nnew\x1b disk ")).await.code, 200);
    assert_eq!(server.ask_unix(&post("/resume", "")).await.code, 200);
    let held = server.agent.held.lock().unwrap().clone();
    assert_eq!(held, ["hold a new  disk", "resume"]);
    *server.agent.refuses.lock().unwrap() = Some("no postmaster yet".into());
    let said = server.ask_unix(&post("/hold", "")).await;
    assert_eq!((said.code, said.body.as_str()), (503, "no postmaster yet\n"));
}

#[tokio::test]
async fn a_reason_has_a_bound() {
    let server = Server::start();
    let at_most = "x".repeat(1024);
    assert_eq!(server.ask_unix(&post("/hold", &at_most)).await.code, 200);
    let too_long = "x".repeat(1025);
    assert_eq!(server.ask_unix(&post("/hold", &too_long)).await.code, 413);
    let chunked = format!(
        "POST /hold HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n800\r\n{}\r\n0\r\n\r\n",
        "x".repeat(2048)
    );
    assert_eq!(server.ask_unix(&chunked).await.code, 413);
    assert_eq!(server.agent.held.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start();
    let kept = get("/livez").replace("connection: close\r\n", "");
    let both = format!("{kept}{}", get("/readyz"));
    let said = until_closed(server.tcp().await, both.as_bytes()).await;
    let text = String::from_utf8(said).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    let old = until_closed(server.tcp().await, b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer(&old).code, 200);
}

#[tokio::test]
async fn what_is_asked_of_failover_needs_its_word() {
    let server = Server::start();
    for (path, word, code) in [
        ("/switchover", "", 200),
        ("/switchover", "when-idle", 200),
        ("/switchover", "cancel", 200),
        ("/switchover", "at once", 400),
        ("/failover", "", 400),
        ("/failover", "accept-data-loss", 200),
        ("/failover/pause", "", 200),
        ("/failover/resume", "now", 400),
    ] {
        assert_eq!(server.ask_unix(&post(path, word)).await.code, code, "{path} {word}");
    }
    assert_eq!(server.agent.held.lock().unwrap().len(), 5);
    server.agent.takes_long.store(true, Ordering::Relaxed);
    assert_eq!(server.ask_unix(&post("/switchover", "")).await.code, 202);
}

#[tokio::test]
async fn a_promise_is_given_to_the_other_coordinator_alone() {
    let server = Server::start();
    let ask = async |query: &str| server.ask(&post(&format!("/promise{query}"), "")).await;
    let said = ask("?epoch=3&seconds=10&pod=coordinator-0&uid=a").await;
    assert_eq!(said.code, 200, "{}", said.body);
    assert!(said.body.contains("\"promised\":true"), "{}", said.body);
    assert_eq!(ask("?epoch=3&seconds=10&pod=segment-a-0&uid=a").await.code, 403);
    for wrong in ["", "?epoch=x&seconds=10&pod=coordinator-0&uid=a", "?epoch=3"] {
        assert_eq!(ask(wrong).await.code, 400, "{wrong}");
    }
    assert_eq!(server.get("/promise").await.code, 405, "a GET changes nothing");
    let own = server
        .ask_unix(&post("/promise?epoch=3&seconds=10&pod=coordinator-0&uid=a", ""))
        .await;
    assert_eq!(own.code, 400, "from no address");
}
