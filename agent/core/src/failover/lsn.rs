//! A position in the write-ahead log.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A position in the write-ahead log, in bytes from its beginning; written as PostgreSQL writes it (`0/3000060`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lsn(pub u64);

impl Lsn {
    /// What PostgreSQL writes for none (InvalidXLogRecPtr).
    pub(crate) const NONE: Lsn = Lsn(0);
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no position in the write-ahead log, such as 0/3000060")]
pub struct NoLsn(String);

impl FromStr for Lsn {
    type Err = NoLsn;

    fn from_str(text: &str) -> Result<Lsn, NoLsn> {
        let wrong = || NoLsn(text.to_string());
        let half = |half: &str| {
            let digits = half.bytes().all(|b| b.is_ascii_hexdigit());
            u32::from_str_radix(half, 16).ok().filter(|_| digits).ok_or_else(wrong)
        };
        let (high, low) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Lsn(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

impl TryFrom<String> for Lsn {
    type Error = NoLsn;

    fn try_from(text: String) -> Result<Lsn, NoLsn> {
        text.parse()
    }
}

impl From<Lsn> for String {
    fn from(lsn: Lsn) -> String {
        lsn.to_string()
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_and_written_as_postgresql_does() {
        for text in ["0/0", "0/3000060", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(text.parse::<Lsn>().unwrap().to_string(), text);
        }
        assert_eq!("1/2".parse(), Ok(Lsn(0x1_0000_0002)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0",
            "/",
            "0/",
            "/0",
            "+1/0",
            "1/-2",
            "1/2/3",
            "100000000/0",
            "g/0",
            " 0/0",
        ] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }

    #[test]
    fn is_ordered_as_the_log_is() {
        assert!("0/FFFFFFFF".parse::<Lsn>().unwrap() < "1/0".parse().unwrap());
    }
}
