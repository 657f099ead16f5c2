//! A connection to the server of the other pod of a pair. It is never made again behind the caller's back: its end is a fact
//! that counts.

use super::session::{NoAnswer, Rows, no_answer, rows};
use crate::sys::process::clock;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

/// Whose server, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Partner {
    /// Where its pod is.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its server's port.
    pub(crate) port: u16,
    /// The role to connect as.
    pub(crate) user: String,
    /// What it is asked for, where it is.
    pub(crate) password: Option<String>,
    /// Parameters for a session of that server alone, as `-c name=value`.
    pub(crate) options: String,
}

/// One connection, from its beginning to its end.
pub(crate) struct PartnerSession {
    client: Client,
    ended: watch::Receiver<Option<Duration>>,
}

impl PartnerSession {
    /// Connects to the first of its addresses that answers; all of that within `limit`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn connect(to: &Partner, limit: Duration) -> Result<PartnerSession, NoAnswer> {
        let too_late = NoAnswer::TimedOut(limit.as_secs());
        timeout(limit, connect(to)).await.unwrap_or(Err(too_late))
    }

    /// Runs SQL and returns the rows of all its statements as text.
    ///
    /// # Errors
    /// No answer within `limit`, or the server's words. The connection may live all the same.
    pub(crate) async fn ask(&self, sql: &str, limit: Duration) -> Result<Rows, NoAnswer> {
        match timeout(limit, self.client.simple_query(sql)).await {
            Ok(Ok(messages)) => Ok(rows(messages)),
            Ok(Err(error)) => Err(no_answer(&error)),
            Err(_) => Err(NoAnswer::TimedOut(limit.as_secs())),
        }
    }

    /// When it ended (CLOCK_BOOTTIME), if it has.
    pub(crate) fn ended(&self) -> Option<Duration> {
        *self.ended.borrow()
    }
}

async fn connect(to: &Partner) -> Result<PartnerSession, NoAnswer> {
    let mut last = NoAnswer::NoServer;
    for address in &to.addresses {
        match connect_at(to, SocketAddr::new(*address, to.port)).await {
            Ok(session) => return Ok(session),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_at(to: &Partner, at: SocketAddr) -> Result<PartnerSession, NoAnswer> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(at.ip().to_string())
        .port(at.port())
        .user(&to.user)
        .dbname("postgres")
        .application_name("gp-agent-partner")
        .options(format!("-c statement_timeout=0 -c lock_timeout=0 {}", to.options));
    if let Some(password) = &to.password {
        config.password(password);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(|error| no_answer(&error))?;
    let (over, ended) = watch::channel(None);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("the connection to the other server ended: {error}");
        }
        over.send_replace(Some(clock::boottime()));
    });
    Ok(PartnerSession { client, ended })
}
