//! Whether something is done by itself.

use super::word::words;

words! {
    /// Who begins it, as the configuration says.
    Automation {
        /// The agent does, by itself.
        Auto = "auto",
        /// A person does, with a command.
        Manual = "manual",
    }
}

impl Automation {
    /// The word for a switch of the configuration.
    pub(crate) fn of(auto: bool) -> Automation {
        match auto {
            true => Automation::Auto,
            false => Automation::Manual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_later_version_is_passed_on_as_it_came() {
        for (word, automation) in [
            ("auto", Automation::of(true)),
            ("manual", Automation::of(false)),
            ("at-night", Automation::Other("at-night".into())),
            ("", Automation::default()),
        ] {
            let document = format!("{word:?}");
            assert_eq!(serde_json::from_str::<Automation>(&document).unwrap(), automation);
            assert_eq!(serde_json::to_string(&automation).unwrap(), document);
            assert_eq!(automation.to_string(), word);
        }
        assert!(serde_json::from_str::<Automation>("7").is_err());
    }
}
