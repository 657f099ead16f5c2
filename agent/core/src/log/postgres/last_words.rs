//! Why a whole server ended, or a replica receives no stream, in its own words: a FATAL or PANIC that is not about a session.

use crate::log::record::Record;
use serde_json::Value;

/// What ends a session, or a process that the server starts anew, and never the server.
const OF_OTHERS: &[&str] = &[
    "the database system is",
    "terminating ",
    "could not connect to the primary server",
    "could not receive data from WAL stream",
    "could not start WAL streaming",
    "password authentication failed",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "sorry, too many clients",
    "remaining connection slots",
    "role \"",
    "database \"",
    "connection to client lost",
    "canceling ",
    "unsupported frontend protocol",
    "peer authentication failed",
    "highest timeline ",
];

/// What the receiving process of a replica ends with (walreceiver.c, libpqwalreceiver.c). An ERROR ends that process, so the
/// server calls it FATAL.
const OF_STREAM: &[&str] = &[
    "could not connect to the primary server",
    "could not receive data from WAL stream",
    "could not start WAL streaming",
    "could not receive database system identifier",
    "database system identifier differs between the primary and standby",
    "terminating walreceiver due to timeout",
    "highest timeline ",
];

/// `PANIC: could not write to file ...: No space left on device`, when the record is such; with its detail and hint.
pub fn last_words(record: &Record) -> Option<String> {
    let (severity, message) = of_no_session(record)?;
    if OF_OTHERS.iter().any(|begin| message.starts_with(begin)) {
        return None;
    }
    Some(format!("{severity}: {message}{}", more(record)).replace('\n', " "))
}

/// `could not connect to the primary server: ...: no password supplied`, when the record is such.
pub fn stream_words(record: &Record) -> Option<String> {
    let (_, message) = of_no_session(record)?;
    let is_of_stream = OF_STREAM.iter().any(|begin| message.starts_with(begin));
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    is_of_stream.then(|| words(format!("{message}{}", more(record))))
}

/// Severity and message of what a process of the server's own ends with.
fn of_no_session(record: &Record) -> Option<(&str, String)> {
    let severity = field(record, "severity").filter(|severity| matches!(*severity, "FATAL" | "PANIC"))?;
    // The agent's prefix for text has `user@database` too, as part of a prefix that is not its own for records.
    let session =
        record.fields.contains_key("user") || field(record, "prefix").is_some_and(|prefix| prefix.contains('@'));
    (!session).then(|| (severity, message(record)))
}

fn field<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.fields.get(name).and_then(Value::as_str)
}

fn more(record: &Record) -> String {
    let more = [field(record, "detail"), field(record, "hint")];
    more.into_iter().flatten().map(|more| format!(" ({more})")).collect()
}

/// The message of a line of columns, as Greenplum's servers write: it follows severity and SQLSTATE, in quotes that are doubled
/// within.
fn message(record: &Record) -> String {
    let columns = ["FATAL", "PANIC"].iter().find_map(|severity| {
        let (_, rest) = record.message.split_once(&format!(",\"{severity}\",\""))?;
        rest.split_once("\",\"").map(|(_, message)| message)
    });
    let Some(columns) = columns else {
        return record.message.clone();
    };
    let whole = columns.replace("\"\"", "\u{0}");
    whole.split('"').next().unwrap_or_default().replace('\u{0}', "\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::postgres::take;
    use crate::log::record::Moment;

    fn words(text: &str) -> Option<String> {
        let taken = take(text.as_bytes(), Moment(0), true).unwrap();
        last_words(&taken.record.unwrap())
    }

    #[test]
    fn the_servers_words_are_told_from_those_of_sessions() {
        let server = "2026-11-28 22:27:12.603 UTC [1836] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n\
                      2026-11-28 22:27:12.603 UTC [1836] HINT:  Reduce it.\n";
        let expected = "FATAL: could not map anonymous shared memory: Cannot allocate memory (Reduce it.)";
        assert_eq!(words(server).as_deref(), Some(expected));
        let own = "1709251199.123 [4242] XX000 PANIC:  could not locate a valid checkpoint record\n";
        assert_eq!(
            words(own).as_deref(),
            Some("PANIC: could not locate a valid checkpoint record")
        );
        for session in [
            "1709251199.123 [4242] 28000 gpadmin@postgres FATAL:  something\n",
            "2026-11-28 22:27:12.603 UTC [1836] gpadmin@postgres FATAL:  something\n",
            "2026-11-28 22:27:12.603 UTC [1836] FATAL:  the database system is starting up\n",
            "2026-11-28 22:27:12.603 UTC [1836] LOG:  starting\n",
        ] {
            assert_eq!(words(session), None, "{session}");
        }
    }

    #[test]
    fn what_a_replica_says_of_its_stream_is_told_from_the_rest() {
        let of_stream = |text: &str| {
            let taken = take(text.as_bytes(), Moment(0), true).unwrap();
            stream_words(&taken.record.unwrap())
        };
        let refused = "2026-11-28 22:27:12.603 UTC [18] FATAL:  could not connect to the primary server: connection to server at \"p.test\" (10.0.0.2), port 5432 failed: Connection refused\n\
                       \t\tIs the server running on that host and accepting TCP/IP connections?\n";
        assert_eq!(
            of_stream(refused).unwrap(),
            "could not connect to the primary server: connection to server at \"p.test\" (10.0.0.2), port 5432 failed: Connection refused \
             Is the server running on that host and accepting TCP/IP connections?"
        );
        assert_eq!(words(refused), None, "the server goes on");
        let columns = "2026-11-28 22:27:12.6 UTC,,,p12,th7,,,,0,,,seg0,,,,,\"FATAL\",\"XX000\",\"could not receive data from WAL stream: server closed the connection\",,,,,,,0,,\"x.c\",1,\n";
        assert_eq!(
            of_stream(columns).as_deref(),
            Some("could not receive data from WAL stream: server closed the connection")
        );
        for other in [
            "2026-11-28 22:27:12.603 UTC [1836] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n",
            "2026-11-28 22:27:12.603 UTC [1836] gpadmin@postgres FATAL:  could not connect to the primary server: no\n",
            "2026-11-28 22:27:12.603 UTC [1836] LOG:  could not connect to the primary server: no\n",
        ] {
            assert_eq!(of_stream(other), None, "{other}");
        }
    }

    #[test]
    fn greenplums_columns_are_read() {
        let line = "2026-11-28 22:27:12.6 UTC,,,p12,th7,,,,0,,,seg0,,,,,\"FATAL\",\"58P01\",\"could not access file \"\"x\"\": No such file\",,,,,,,0,,\"fd.c\",1,\n";
        assert_eq!(
            words(line).as_deref(),
            Some("FATAL: could not access file \"x\": No such file")
        );
    }
}
