//! Which certificate a server shows: asked as any client would (protocol.sgml, SSL Session Encryption), since a server that
//! cannot use its files keeps what it had, and says so in its log alone.

use gp_agent_core::process::timeouts;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// Length and code of SSLRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A certificate, by the SHA-256 of it.
    Certificate(String),
    /// That it has none.
    NoTls,
}

/// Asks the server on this port of the pod.
///
/// # Errors
/// No answer, or none that TLS knows.
pub(crate) async fn shown(port: u16) -> io::Result<Shown> {
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask(port));
    asked.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn ask(port: u16) -> io::Result<Shown> {
    let mut stream = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(&SSL_REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => {}
        b'N' => return Ok(Shown::NoTls),
        other => return Err(io::Error::other(format!("it answers {:?}", char::from(other)))),
    }
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let chain = tls.get_ref().1.peer_certificates();
    let first = chain.and_then(<[_]>::first);
    let first = first.ok_or_else(|| io::Error::other("it shows no certificate"))?;
    let shown = Shown::Certificate(super::fingerprint(first));
    // A client that leaves in order, and lets nothing lie unread, is nothing to the server's log.
    let _ = tls.shutdown().await;
    let _ = tls.read_to_end(&mut Vec::new()).await;
    Ok(shown)
}

/// Takes any certificate whose key the server has: it is compared, not trusted.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
