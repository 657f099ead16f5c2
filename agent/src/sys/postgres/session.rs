//! A connection to the local postmaster that is kept, and the one question asked on it.

use gp_agent_core::postgres::kept_out::KeptOut;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage, SimpleQueryRow};

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
    /// The server works, and refuses a new connection of the agent; its words.
    #[error("{1}")]
    KeptOut(KeptOut, String),
    /// The server refused for another reason; its words.
    #[error("{0}")]
    Refused(String),
    /// It does not answer within the time, or accepts nobody any more.
    #[error("no answer within {0} s")]
    TimedOut(u64),
}

/// SQLSTATEs of "not now" (errcodes.txt): cannot_connect_now, and Greenplum's mirror_ready, the answer of a healthy replica.
const NOT_NOW: [&str; 2] = ["57P03", "57M02"];

/// SQLSTATEs of a question that somebody broke off: query_canceled (statement_timeout, pg_cancel_backend), and what a replica
/// gives up for its replay. They tell of the question, not of the server.
const BROKEN_OFF: [&str; 2] = ["57014", "40001"];

/// What an administrator sets for the statements of the agent's role (ALTER ROLE, ALTER DATABASE) is not meant for its questions.
const NO_LIMITS: &str = "-c statement_timeout=0 -c lock_timeout=0";

/// Where the agent asks.
const HOME: &str = "postgres";

/// Where it asks when it may not there. Nobody may stay in it: CREATE DATABASE copies it, and waits until it is alone.
const LAST_RESORT: &str = "template1";

/// New connections after which `postgres` is tried again, when it was closed: each try is a line in the server's log.
const TRY_HOME: u32 = 30;

/// Rows of text, one list per statement that returned any.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// The kept connection. Reconnects by itself.
pub struct Session {
    target: Target,
    timeout: Duration,
    /// Where it asks, and nowhere else; [`HOME`] where none is given.
    database: Option<String>,
    client: Option<Client>,
    detour: Option<Detour>,
    /// Connections since the detour was taken.
    detoured: u32,
}

/// Another database than `postgres` that is asked in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detour {
    /// Its name.
    pub(crate) database: String,
    /// Why not in `postgres`; the server's words.
    pub(crate) why: String,
}

impl Session {
    /// Nothing is connected yet.
    pub fn new(target: Target, timeout: Duration) -> Session {
        Session {
            target,
            timeout,
            database: None,
            client: None,
            detour: None,
            detoured: 0,
        }
    }

    /// Asks in this database, and nowhere else.
    #[must_use]
    pub fn in_database(mut self, name: &str) -> Session {
        self.database = Some(name.to_string());
        self
    }

    /// Runs SQL and returns the rows of all its statements as text. A connection that was kept and has ended, or whose question
    /// was broken off, says nothing of the server: the question is asked once more on a new one, so it must bear that.
    pub async fn ask(&mut self, sql: &str) -> Result<Rows, NoAnswer> {
        self.ask_within(sql, self.timeout).await
    }

    /// As [`Session::ask`], for SQL that may take another time than the rest.
    pub async fn ask_within(&mut self, sql: &str, limit: Duration) -> Result<Rows, NoAnswer> {
        let answer = tokio::time::timeout(limit, self.ask_unbounded(sql)).await;
        let answer = match answer {
            Err(_) | Ok(Err(NoAnswer::TimedOut(_))) => Err(NoAnswer::TimedOut(limit.as_secs())),
            Ok(answer) => answer,
        };
        let may_stay = self.detour.as_ref().is_none_or(|detour| detour.database != LAST_RESORT);
        if !may_stay || !matches!(answer, Ok(_) | Err(NoAnswer::Refused(_))) {
            self.client = None;
        }
        answer
    }

    /// Ends the connection, if there is one; the next question makes another.
    pub fn close(&mut self) {
        self.client = None;
    }

    /// The database that was asked in last, when it was another than it should be.
    pub(crate) fn detour(&self) -> Option<&Detour> {
        self.detour.as_ref()
    }

    async fn ask_unbounded(&mut self, sql: &str) -> Result<Rows, NoAnswer> {
        if let Some(kept) = self.client.as_ref().filter(|c| !c.is_closed()) {
            match kept.simple_query(sql).await {
                Ok(messages) => return Ok(rows(messages)),
                Err(error) if has_ended(&error) || is_broken_off(&error) => {}
                Err(error) => return Err(no_answer(&error)),
            }
        }
        self.client = None;
        let client = self.connect().await?;
        let answer = client.simple_query(sql).await;
        if !answer.as_ref().is_err_and(has_ended) {
            self.client = Some(client);
        }
        answer.map(rows).map_err(|error| no_answer(&error))
    }

    /// To `postgres`; where that database is closed or gone, to the role's own, to [`LAST_RESORT`] in the end.
    async fn connect(&mut self) -> Result<Client, NoAnswer> {
        if let Some(database) = &self.database {
            let client = connect_to(&self.target, database).await;
            return client.map_err(|error| no_answer(&error).of_connection(&error));
        }
        self.detoured = self.detoured.wrapping_add(1);
        if let Some(detour) = &self.detour
            && !self.detoured.is_multiple_of(TRY_HOME)
            && let Ok(client) = connect_to(&self.target, &detour.database).await
        {
            return Ok(client);
        }
        self.detour = None;
        let refused = match connect_to(&self.target, HOME).await {
            Err(error) => no_answer(&error).of_connection(&error),
            Ok(client) => return Ok(client),
        };
        let NoAnswer::KeptOut(KeptOut::Closed, why) = &refused else {
            return Err(refused);
        };
        for database in [self.target.user.as_str(), LAST_RESORT] {
            if let Ok(client) = connect_to(&self.target, database).await {
                let (database, why) = (database.to_string(), why.clone());
                self.detour = Some(Detour { database, why });
                return Ok(client);
            }
        }
        Err(refused)
    }
}

pub(super) fn rows(messages: Vec<SimpleQueryMessage>) -> Rows {
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| cell(&row, i)).collect()),
        _ => None,
    });
    rows.collect()
}

/// After FATAL and PANIC the server closes the connection, which may be seen a moment later.
fn has_ended(error: &Error) -> bool {
    // Before PostgreSQL 9.6 there is only the word in the language of the server.
    let ends = |db: &DbError| match db.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => matches!(db.severity(), "FATAL" | "PANIC"),
    };
    error.as_db_error().is_none_or(ends)
}

fn is_broken_off(error: &Error) -> bool {
    error.code().is_some_and(|code| BROKEN_OFF.contains(&code.code()))
}

/// A database in SQL_ASCII gives bytes of any encoding.
fn cell(row: &SimpleQueryRow, i: usize) -> Option<String> {
    let text = row.try_get(i).unwrap_or(Some("(not UTF-8)"));
    text.map(str::to_string)
}

async fn connect_to(target: &Target, database: &str) -> Result<Client, Error> {
    let mut config = tokio_postgres::Config::new();
    let options = target.options.as_deref().unwrap_or_default();
    let (client, connection) = config
        .host_path(&target.socket_dir)
        .port(target.port)
        .user(&target.user)
        .dbname(database)
        .application_name("gp-agent")
        .options(format!("{NO_LIMITS} {options}"))
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("kept connection ended: {error}");
        }
    });
    Ok(client)
}

impl NoAnswer {
    /// The same of an error of a new connection, which may be kept out by a server that works.
    fn of_connection(self, error: &Error) -> NoAnswer {
        let kept_out = error.code().and_then(|code| KeptOut::of(code.code()));
        match (self, kept_out) {
            (NoAnswer::Refused(words), Some(kept_out)) => NoAnswer::KeptOut(kept_out, words),
            (other, _) => other,
        }
    }
}

pub(super) fn no_answer(error: &Error) -> NoAnswer {
    match error.as_db_error() {
        Some(db) if NOT_NOW.contains(&db.code().code()) => NoAnswer::NotNow(words(db)),
        Some(db) => NoAnswer::Refused(words(db)),
        None => no_server(error),
    }
}

fn no_server(error: &Error) -> NoAnswer {
    use std::error::Error as _;
    let io = error.source().and_then(|s| s.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => NoAnswer::NoServer,
        // A server that hangs accepts nobody, and those who have given up still stand in the queue of its socket: it is full.
        Some(std::io::ErrorKind::WouldBlock) => NoAnswer::TimedOut(0),
        _ if error.is_closed() => NoAnswer::NoServer,
        _ => NoAnswer::Refused(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }),
    }
}

fn words(db: &DbError) -> String {
    match db.detail() {
        Some(detail) => format!("{} ({detail})", db.message()),
        None => db.message().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    #[tokio::test]
    async fn a_server_that_accepts_nobody_hangs_however_many_have_asked() {
        let dir = tempfile::tempdir().unwrap();
        let hung = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        let path = dir.path().join(".s.PGSQL.5432");
        bind(&hung, &SocketAddrUnix::new(path).unwrap()).unwrap();
        listen(&hung, 1).unwrap();
        let target = Target {
            socket_dir: dir.path().into(),
            port: 5432,
            user: "gpadmin".into(),
            options: None,
        };
        for asked in 0..5 {
            let mut session = Session::new(target.clone(), Duration::from_millis(20));
            let answer = session.ask("select 1").await;
            assert_eq!(answer, Err(NoAnswer::TimedOut(0)), "{asked}");
        }
    }
}
