//! Whether anything at all comes from a server's port: an answer to the first bytes of a client, or a refusal.

use gp_agent_core::greenplum::lost_pods::Silence;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// SSLRequest (protocol.sgml): a server answers it with one byte, whatever state it is in, and writes nothing into its log when the
/// client leaves then.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// How all of the addresses are silent, if nothing comes from any of them within that time. The kernel of a machine whose processes
/// stand still takes connections.
pub(crate) async fn silence(addresses: &[IpAddr], port: u16, within: Duration) -> Option<Silence> {
    let tries = addresses.iter().map(|ip| at(SocketAddr::new(*ip, port), within));
    let found = futures_util::future::join_all(tries).await;
    // One that speaks is enough, and so is one that takes connections.
    found
        .into_iter()
        .reduce(|one, other| one.zip(other).map(|(one, other)| one.min(other)))
        .flatten()
}

async fn at(address: SocketAddr, within: Duration) -> Option<Silence> {
    let until = Instant::now() + within;
    let connected = timeout_at(until, TcpStream::connect(address)).await;
    let greeted = match connected {
        Err(_) => return Some(Silence::Off),
        Ok(Ok(stream)) => match timeout_at(until, greet(stream)).await {
            Err(_) => return Some(Silence::Starved),
            Ok(greeted) => greeted,
        },
        Ok(Err(error)) => Err(error),
    };
    let off = greeted.is_err_and(|error| {
        // Of the way there, not of that machine.
        matches!(
            error.kind(),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::TimedOut
        )
    });
    off.then_some(Silence::Off)
}

async fn greet(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(&SSL_REQUEST).await?;
    stream.read_u8().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_millis(200);

    async fn silent(port: u16) -> Option<Silence> {
        silence(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], port, SOON).await
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_a_connection_alone_is_none() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(silent(port).await, Some(Silence::Starved), "taken by the kernel");
        let answer = tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 8];
                // The one of before has gone.
                if stream.read_exact(&mut asked).await.is_ok() {
                    assert_eq!(asked, SSL_REQUEST);
                    let _ = stream.write_all(b"N").await;
                }
                kept.push(stream);
            }
        });
        assert_eq!(silent(port).await, None);
        answer.abort();
        let _ = answer.await;
        assert_eq!(silent(port).await, None, "refused");
        assert_eq!(silence(&[], port, SOON).await, None);
    }
}
