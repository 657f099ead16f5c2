//! Why a segment is not brought back now.

use std::fmt;

/// A reason, and who ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// In words.
    pub why: String,
    /// What somebody has to do; `None` where it ends by itself.
    pub remedy: Option<String>,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        self.remedy.iter().try_for_each(|remedy| write!(f, "; {remedy}"))
    }
}

impl Obstacle {
    /// It ends by itself.
    pub(super) fn wait(why: impl Into<String>) -> Obstacle {
        Obstacle {
            why: why.into(),
            remedy: None,
        }
    }

    /// A person has to decide.
    pub(super) fn person(why: impl Into<String>, remedy: impl Into<String>) -> Obstacle {
        Obstacle {
            why: why.into(),
            remedy: Some(remedy.into()),
        }
    }
}
