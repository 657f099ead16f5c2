//! Replay that stands still: write-ahead log arrives and is not applied.

use super::required_settings::{Required, raised};
use crate::cluster::replay_pause::PauseCause;

/// Replay is paused, and these are values of the running server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Parameters that may be the reason, and their values.
    pub settings: Vec<(String, u64)>,
}

impl Pause {
    /// The cause, when the log that waits was written with values of `required`.
    pub fn cause(&self, required: &[Required]) -> PauseCause {
        let here = |name: &str| self.settings.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
        let lacking = raised(required, here);
        if lacking.is_empty() {
            return PauseCause::Asked;
        }
        let words = lacking.iter().map(|r| {
            let here = here(r.name).unwrap_or_default();
            format!("{} is {} there and {here} here", r.name, r.value)
        });
        PauseCause::Settings(words.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(value: u64) -> [Required; 1] {
        [Required {
            name: "max_connections",
            value,
        }]
    }

    #[test]
    fn a_larger_primary_is_told_from_somebody_who_asked() {
        let pause = Pause {
            settings: vec![("max_connections".into(), 100)],
        };
        let PauseCause::Settings(words) = pause.cause(&required(200)) else {
            panic!("it lacks a hundred");
        };
        assert_eq!(words, "max_connections is 200 there and 100 here");
        assert_eq!(pause.cause(&required(100)), PauseCause::Asked);
        assert_eq!(pause.cause(&[]), PauseCause::Asked);
        assert_eq!(
            Pause::default().cause(&required(200)),
            PauseCause::Asked,
            "of what nothing is known"
        );
    }
}
