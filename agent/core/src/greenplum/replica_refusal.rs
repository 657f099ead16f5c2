//! The words with which a healthy replica of Greenplum refuses a session (postmaster.c, canAcceptConnections; the detail is of
//! ProcessStartupPacket): the only ones that it has.

use crate::failover::lsn::Lsn;

/// What stands before the place.
const REPLAYED: &str = "last replayed record at ";

/// Up to where the server that says this has replayed; `None` if it says something else. A coordinator that recovers from a
/// crash says the same.
pub fn replayed(words: &str) -> Option<Lsn> {
    let (_, rest) = words.split_once(REPLAYED)?;
    let place: String = rest
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || *c == '/')
        .collect();
    place.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_stands_in_the_detail() {
        let words =
            "the database system is in recovery mode (last replayed record at 0/C022EA0\n- VERSION: PostgreSQL 12)";
        assert_eq!(replayed(words), "0/C022EA0".parse().ok());
        assert_eq!(
            replayed("the database system is starting up (last replayed record at 0/3000028)"),
            "0/3000028".parse().ok()
        );
    }

    #[test]
    fn other_words_have_none() {
        let recovers =
            "the database system is in recovery mode (waiting for distributed transaction recovery to complete)";
        for words in [
            recovers,
            "",
            "last replayed record at ",
            "last replayed record at nowhere",
        ] {
            assert_eq!(replayed(words), None, "{words}");
        }
    }
}
