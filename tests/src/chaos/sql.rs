//! A session over PostgreSQL's protocol, on one connection, with the times that the ledger needs.
//!
//! psql cannot say when an acknowledgement came, and takes longer to start than a failover lasts. The simple query protocol of
//! version 3.0 is all that is spoken (PostgreSQL manual, "Frontend/Backend Protocol"), to servers that trust the client.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection is made within this, on one machine.
const CONNECT: Duration = Duration::from_secs(1);

/// No message of these tests is longer.
const LONGEST: usize = 64 * 1024 * 1024;

/// What a statement ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The first column of each row.
    pub rows: Vec<String>,
    /// SQLSTATE and text of the error.
    pub error: Option<(String, String)>,
    /// The texts of warnings.
    pub warnings: Vec<String>,
}

/// A session of gpadmin.
#[derive(Debug)]
pub struct Session(TcpStream);

impl Session {
    /// Connects. No answer may take longer than `patience`.
    ///
    /// # Errors
    /// When there is no server, or it does not let the client in.
    pub fn open(address: SocketAddr, patience: Duration) -> Result<Session> {
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        let mut session = Session(stream);
        session.0.write_all(&startup()?)?;
        let answer = session.answer()?;
        match answer.error {
            None => Ok(session),
            Some((code, text)) => bail!("{code} {text}"),
        }
    }

    /// Runs statements; errors of the server are in the answer.
    ///
    /// # Errors
    /// When the connection is lost, or the answer does not come in time: then nobody knows what became of them.
    pub fn run(&mut self, sql: &str) -> Result<Answer> {
        let body = [sql.as_bytes(), b"\0"].concat();
        let length = i32::try_from(body.len() + 4)?;
        self.0.write_all(&[b"Q", &length.to_be_bytes()[..], &body].concat())?;
        self.answer()
    }

    /// The rows of statements that have to succeed.
    ///
    /// # Errors
    /// What the server said.
    pub fn rows(&mut self, sql: &str) -> Result<Vec<String>> {
        let answer = self.run(sql)?;
        match answer.error {
            None => Ok(answer.rows),
            Some((code, text)) => bail!("{sql}: {code} {text}"),
        }
    }

    /// Everything until the server is ready for the next statement.
    fn answer(&mut self) -> Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'Z' => return Ok(answer),
                b'D' => answer.rows.push(first_column(&body).context("a row that is none")?),
                b'E' => {
                    let error = fields(&body);
                    // FATAL: the server closes the connection, and is ready for nothing more.
                    let last = error.0 == "FATAL" || error.0 == "PANIC";
                    answer.error = Some((error.1, error.2));
                    if last {
                        return Ok(answer);
                    }
                }
                b'N' => answer.warnings.push(fields(&body).2),
                b'R' => ensure!(body.get(..4) == Some(&[0; 4]), "the server wants a password"),
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes(length))?;
        ensure!((4..=LONGEST).contains(&length), "a message of {length} bytes");
        let mut body = vec![0; length - 4];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn startup() -> Result<Vec<u8>> {
    const VERSION: i32 = 3 << 16;
    let parameters = b"user\0gpadmin\0database\0postgres\0application_name\0chaos\0\0";
    let length = i32::try_from(parameters.len() + 8)?;
    Ok([&length.to_be_bytes()[..], &VERSION.to_be_bytes(), parameters].concat())
}

/// Of a `DataRow`: the number of columns, then length and bytes of each; NULL has the length -1.
fn first_column(body: &[u8]) -> Option<String> {
    let length = i32::from_be_bytes(body.get(2..6)?.try_into().ok()?);
    let Ok(length) = usize::try_from(length) else {
        return Some(String::new());
    };
    let text = body.get(6..6 + length)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Of an `ErrorResponse` or `NoticeResponse`: severity, SQLSTATE and text.
fn fields(body: &[u8]) -> (String, String, String) {
    let of = |kind: u8| {
        let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&kind));
        field.map_or_else(String::new, |field| String::from_utf8_lossy(&field[1..]).into_owned())
    };
    // V is never translated, and S is all that servers before 9.6 have.
    let severity = Some(of(b'V')).filter(|v| !v.is_empty()).unwrap_or(of(b'S'));
    (severity, of(b'C'), of(b'M'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    /// A server that says all of this to whoever connects, and closes the connection.
    fn says(messages: &[Vec<u8>]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = messages.concat();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&bytes).unwrap();
            // Until the client has gone: a reset would take its bytes away.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        address
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    fn ready() -> Vec<u8> {
        message(b'Z', b"I")
    }

    fn let_in() -> Vec<u8> {
        [message(b'R', &[0; 4]), ready()].concat()
    }

    #[test]
    fn rows_come_before_the_end() {
        let row = message(b'D', b"\0\x02\0\0\0\x02ab\0\0\0\x01c");
        let null = message(b'D', b"\0\x01\xff\xff\xff\xff");
        let address = says(&[let_in(), row, null, message(b'C', b"SELECT 2\0"), ready()]);
        let mut session = Session::open(address, PATIENCE).unwrap();
        assert_eq!(session.rows("select 1").unwrap(), ["ab", ""]);
    }

    #[test]
    fn a_row_without_an_end_is_no_acknowledgement() {
        let row = message(b'D', b"\0\x01\0\0\0\x01c");
        let address = says(&[let_in(), row, message(b'C', b"INSERT 0 1\0")]);
        let mut session = Session::open(address, PATIENCE).unwrap();
        assert!(session.run("insert").is_err());
    }

    #[test]
    fn errors_and_warnings_are_told_apart() {
        let warning = message(b'N', b"SWARNING\0VWARNING\0C01000\0Mlocally only\0\0");
        let error = message(b'E', b"SERROR\0VERROR\0C25006\0Mread-only\0\0");
        let address = says(&[let_in(), warning, error, ready()]);
        let answer = Session::open(address, PATIENCE).unwrap().run("insert").unwrap();
        assert_eq!(answer.error, Some(("25006".into(), "read-only".into())));
        assert_eq!(answer.warnings, ["locally only"]);
    }

    #[test]
    fn who_is_not_let_in_hears_why() {
        let fatal = message(b'E', b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0");
        let why = Session::open(says(&[fatal]), PATIENCE).unwrap_err().to_string();
        assert_eq!(why, "57P03 the database system is starting up");
        let password = message(b'R', b"\0\0\0\x05salt");
        assert!(Session::open(says(&[password]), PATIENCE).is_err());
    }
}
