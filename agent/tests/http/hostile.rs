//! Clients that are broken, slow, greedy or many.

use crate::support::{Server, get, until_closed};
use gp_agent::internals::http::HttpLimits;
use proptest::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn short() -> HttpLimits {
    HttpLimits {
        header: Duration::from_millis(200),
        ..HttpLimits::default()
    }
}

#[tokio::test]
async fn too_much_is_refused_by_name() {
    let server = Server::start();
    let long = |n: usize| "x".repeat(n);
    let header = format!("GET /livez HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", long(9000));
    assert_eq!(server.ask(&header).await.code, 431);
    let never_ends = format!("GET /livez HTTP/1.1\r\nhost: x\r\na: {}", long(60_000));
    assert_eq!(server.ask(&never_ends).await.code, 431);
    let many = "a: b\r\n".repeat(65);
    let many = format!("GET /livez HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(server.ask(&many).await.code, 431);
    assert_eq!(server.get(&format!("/{}", long(1024))).await.code, 414);
    assert_eq!(server.get(&format!("/livez?{}", long(7000))).await.code, 414);
    assert_eq!(server.get(&format!("/livez?{}", long(1000))).await.code, 200);
    assert_eq!(server.get("/livez").await.code, 200);
}

#[tokio::test]
async fn the_refusal_of_a_long_request_is_not_overtaken_by_a_reset() {
    let server = Server::start();
    let mut client = server.tcp().await;
    let header = format!("GET /livez HTTP/1.1\r\na: {}", "x".repeat(20_000));
    client.write_all(header.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    assert!(said.starts_with(b"HTTP/1.1 431"));
    // The server has said all; what still comes is read, not answered with a reset.
    for _ in 0..3 {
        client.write_all(&[b'x'; 1000]).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn malformed_requests_get_400() {
    let server = Server::start();
    for request in [
        "\0\0\0\0 / HTTP/1.1\r\n\r\n",
        "GET\r\n\r\n",
        "GET /livez\r\n\r\n",
        "GET /livez HTTP/9.9\r\n\r\n",
        "GET /livez SSH-2.0\r\n\r\n",
        "GET /li vez HTTP/1.1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /livez HTTP/1.1\r\na\0: b\r\n\r\n",
        "GET /livez HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "GET /livez HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "GET /livez HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
        "GET /livez HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
    ] {
        assert_eq!(server.ask(request).await.code, 400, "{request:?}");
    }
    assert_eq!(server.get("/livez").await.code, 200);
}

#[tokio::test]
async fn http_2_without_asking_is_refused() {
    let server = Server::start();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let said = until_closed(server.tcp().await, preface).await;
    assert!(said.starts_with(b"HTTP/1.1 4") || said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let server = Server::with(short());
    assert!(until_closed(server.tcp().await, b"").await.is_empty());
    assert!(until_closed(server.unix().await, b"").await.is_empty());
    let said = until_closed(server.tcp().await, b"GET /livez HTTP/1.1\r\n").await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn a_client_that_drips_is_sent_away() {
    let server = Server::with(short());
    let (mut read, mut write) = server.tcp().await.into_split();
    let drip = tokio::spawn(async move {
        let request = get("/livez").replace("host: x", &"a: b\r\n".repeat(20));
        for byte in request.bytes() {
            if write.write_all(&[byte]).await.is_err() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    });
    let mut said = Vec::new();
    // A reset is an end as well: the client still writes.
    let _ = read.read_to_end(&mut said).await;
    assert!(said.is_empty(), "{said:?}");
    assert!(!drip.await.unwrap(), "the whole request was taken");
}

#[tokio::test]
async fn a_reason_that_never_arrives_is_given_up() {
    let server = Server::with(short());
    let half = "POST /hold HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
    assert_eq!(server.ask_unix(half).await.code, 408);
    assert!(server.agent.held.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_has_a_last_request_and_an_end() {
    let server = Server::with(HttpLimits {
        requests: 2,
        ..HttpLimits::default()
    });
    let kept = get("/livez").replace("connection: close\r\n", "");
    let said = until_closed(server.tcp().await, kept.repeat(5).as_bytes()).await;
    let text = String::from_utf8(said).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert!(text.contains("connection: close"));

    let server = Server::with(HttpLimits {
        connection: Duration::from_millis(100),
        ..HttpLimits::default()
    });
    let said = until_closed(server.tcp().await, kept.as_bytes()).await;
    assert!(said.starts_with(b"HTTP/1.1 200 OK"));
}

/// A header has only milliseconds here, which on a busy machine a good one may need too.
async fn answers(server: &Server) -> bool {
    for _ in 0..100 {
        let good = b"GET /livez HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n";
        if until_closed(server.tcp().await, good)
            .await
            .starts_with(b"HTTP/1.1 200")
        {
            return true;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever arrives, the server answers in HTTP or closes, and answers the next one.
    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..400), line in "(GET|POST|HEAD) /[a-z]{0,8}[ -~]{0,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::with(HttpLimits { header: Duration::from_millis(20), ..HttpLimits::default() });
            for request in [bytes.clone(), [line.as_bytes(), b"\r\n", &bytes, b"\r\n\r\n"].concat()] {
                let said = until_closed(server.tcp().await, &request).await;
                assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "{said:?}");
                assert!(answers(&server).await, "the next one gets no answer");
            }
        });
    }
}
