//! The question for a promise and the reply to it, as agents exchange them.

use super::candidate::Reply;
use super::record::Holder;
use crate::cluster::document::{Document, Origin};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a holder asks: the query of `POST /promise`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromiseQuestion {
    /// The epoch in which it holds.
    pub epoch: u64,
    /// For how long.
    pub seconds: u32,
    /// Who it is.
    pub by: Holder,
}

impl fmt::Display for PromiseQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PromiseQuestion { epoch, seconds, by } = self;
        write!(f, "epoch={epoch}&seconds={seconds}&pod={}&uid={}", by.pod, by.uid)
    }
}

impl FromStr for PromiseQuestion {
    type Err = ();

    /// Names of pods and UIDs have no character that a query would have to escape.
    fn from_str(query: &str) -> Result<PromiseQuestion, ()> {
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find_map(|(name, value)| (name == key && !value.is_empty()).then_some(value))
                .ok_or(())
        };
        Ok(PromiseQuestion {
            epoch: value("epoch")?.parse().map_err(drop)?,
            seconds: value("seconds")?.parse().map_err(drop)?,
            by: Holder {
                pod: value("pod")?.to_string(),
                uid: value("uid")?.to_string(),
            },
        })
    }
}

/// What the asked candidate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromiseReply {
    /// Who says it.
    #[serde(flatten)]
    pub origin: Origin,
    /// Which of the pods of its name.
    pub uid: String,
    /// Whether it promises.
    pub promised: bool,
    /// The newest epoch that it knows of, where it does not.
    pub epoch: u64,
}

impl Document for PromiseReply {
    const NAME: &'static str = "a reply to a question for a promise";
    const NEEDS_PROOF: bool = true;
}

impl PromiseReply {
    /// That reply of the candidate of that UID.
    pub fn new(origin: Origin, uid: String, reply: Reply) -> PromiseReply {
        let (promised, epoch) = match reply {
            Reply::Yes => (true, 0),
            Reply::No { epoch } => (false, epoch),
        };
        PromiseReply {
            origin,
            uid,
            promised,
            epoch,
        }
    }

    /// For the machine.
    pub fn reply(&self) -> Reply {
        match self.promised {
            true => Reply::Yes,
            false => Reply::No { epoch: self.epoch },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_is_written() {
        let question = PromiseQuestion {
            epoch: 7,
            seconds: 10,
            by: Holder {
                pod: "coordinator-0".into(),
                uid: "0a1b-2c".into(),
            },
        };
        assert_eq!(question.to_string().parse(), Ok(question));
        for wrong in [
            "",
            "epoch=1",
            "epoch=x&seconds=1&pod=a&uid=b",
            "epoch=1&seconds=1&pod=a&uid=",
        ] {
            assert_eq!(wrong.parse::<PromiseQuestion>(), Err(()), "{wrong}");
        }
    }
}
