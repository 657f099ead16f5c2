//! Whether anything at all comes from a server's port: an answer to the first bytes of a client, or a refusal.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// SSLRequest (protocol.sgml): a server answers it with one byte, whatever state it is in, and writes nothing into its log when the
/// client leaves then.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whether nothing comes from any of the addresses within that time. The kernel of a machine whose processes stand still takes
/// connections.
pub(crate) async fn is_silent(addresses: &[IpAddr], port: u16, within: Duration) -> bool {
    let tries = addresses.iter().map(|ip| async move {
        let greeted = timeout(within, greet(SocketAddr::new(*ip, port))).await;
        match greeted {
            Err(_) => true,
            // Of the way there, not of that machine.
            Ok(Err(error)) => matches!(
                error.kind(),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::TimedOut
            ),
            Ok(Ok(())) => false,
        }
    });
    futures_util::future::join_all(tries)
        .await
        .into_iter()
        .all(|silent| silent)
}

async fn greet(at: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(&SSL_REQUEST).await?;
    stream.read_u8().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_millis(200);

    async fn silent(port: u16) -> bool {
        is_silent(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], port, SOON).await
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_a_connection_alone_is_none() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(silent(port).await, "taken by the kernel, and by nobody else");
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
        assert!(!silent(port).await);
        answer.abort();
        let _ = answer.await;
        assert!(!silent(port).await, "refused");
    }
}
