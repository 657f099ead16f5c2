//! A connection to the local postmaster that is kept, and the one question asked on it.

use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// Where the local postmaster listens.
#[derive(Clone, Debug)]
pub struct Target {
    /// Directory of its unix socket.
    pub socket_dir: PathBuf,
    /// TCP port, which is also part of the socket's name.
    pub port: u16,
    /// Database role; authenticated by `peer`.
    pub user: String,
    /// Parameters for the server, as `-c name=value`.
    pub options: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens.
    #[error("nobody listens")]
    NoServer,
    /// The server says that it starts, recovers or stops.
    #[error("{0}")]
    NotNow(String),
    /// The server refused for another reason; its words.
    #[error("{0}")]
    Refused(String),
    /// It accepts, and does not answer within the time.
    #[error("no answer within {0} s")]
    TimedOut(u64),
}

/// SQLSTATEs of "not now" (errcodes.txt): cannot_connect_now, and Greenplum's mirror_ready, the answer of a healthy replica.
const NOT_NOW: [&str; 2] = ["57P03", "57M02"];

/// Rows of text, one list per statement that returned any.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// The kept connection. Reconnects by itself.
pub struct Session {
    target: Target,
    timeout: Duration,
    client: Option<Client>,
}

impl Session {
    /// Nothing is connected yet.
    pub fn new(target: Target, timeout: Duration) -> Session {
        Session {
            target,
            timeout,
            client: None,
        }
    }

    /// Runs SQL and returns the rows of all its statements as text. Connects when needed; a connection that failed is
    /// dropped.
    pub async fn ask(&mut self, sql: &str) -> Result<Rows, NoAnswer> {
        self.ask_within(sql, self.timeout).await
    }

    /// As [`Session::ask`], for SQL that may take another time than the rest.
    pub async fn ask_within(&mut self, sql: &str, limit: Duration) -> Result<Rows, NoAnswer> {
        let answer = tokio::time::timeout(limit, self.ask_unbounded(sql)).await;
        let answer = answer.unwrap_or(Err(NoAnswer::TimedOut(limit.as_secs())));
        if answer.is_err() {
            self.client = None;
        }
        answer
    }

    /// Ends the connection, if there is one; the next question makes another.
    pub fn close(&mut self) {
        self.client = None;
    }

    async fn ask_unbounded(&mut self, sql: &str) -> Result<Rows, NoAnswer> {
        let client = match self.client.take().filter(|c| !c.is_closed()) {
            Some(client) => self.client.insert(client),
            None => {
                let client = connect(&self.target).await?;
                self.client.insert(client)
            }
        };
        let messages = client.simple_query(sql).await.map_err(no_answer)?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| cell(&row, i)).collect()),
                _ => None,
            })
            .collect())
    }
}

/// A database in SQL_ASCII gives bytes of any encoding.
fn cell(row: &SimpleQueryRow, i: usize) -> Option<String> {
    let text = row.try_get(i).unwrap_or(Some("(not UTF-8)"));
    text.map(str::to_string)
}

async fn connect(target: &Target) -> Result<Client, NoAnswer> {
    let mut config = tokio_postgres::Config::new();
    if let Some(options) = &target.options {
        config.options(options);
    }
    let (client, connection) = config
        .host_path(&target.socket_dir)
        .port(target.port)
        .user(&target.user)
        .dbname("postgres")
        .application_name("gp-agent")
        .connect(NoTls)
        .await
        .map_err(no_answer)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("kept connection ended: {error}");
        }
    });
    Ok(client)
}

fn no_answer(error: tokio_postgres::Error) -> NoAnswer {
    match error.as_db_error() {
        Some(db) if NOT_NOW.contains(&db.code().code()) => NoAnswer::NotNow(words(db)),
        Some(db) => NoAnswer::Refused(words(db)),
        None => no_server(&error),
    }
}

fn no_server(error: &tokio_postgres::Error) -> NoAnswer {
    use std::error::Error;
    let io = error.source().and_then(|s| s.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => NoAnswer::NoServer,
        _ if error.is_closed() => NoAnswer::NoServer,
        _ => NoAnswer::Refused(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }),
    }
}

fn words(db: &tokio_postgres::error::DbError) -> String {
    match db.detail() {
        Some(detail) => format!("{} ({detail})", db.message()),
        None => db.message().to_string(),
    }
}
