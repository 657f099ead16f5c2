//! How the value of a key is read: by a rule of its own for every kind of value.

use super::diagnostic::Fault;
use super::key::Form;
use super::model::Word;
use super::schedule::{Schedule, schedule};
use super::suggest::nearest;
use super::{postgres_parameters, value_rules};
use std::path::PathBuf;

/// How one value is read from its text.
pub(super) struct Rule<T> {
    /// What the value is to YAML, with bounds and words.
    pub form: Form,
    /// The value of a text, or what is wrong with it.
    pub read: fn(&str) -> Result<T, Fault>,
    /// What is wrong with an empty text and what to do, where the key's description does not say it.
    pub empty: Option<(&'static str, &'static str)>,
}

impl<T> Rule<T> {
    const fn new(form: Form, read: fn(&str) -> Result<T, Fault>) -> Self {
        let empty = None;
        Rule { form, read, empty }
    }
}

/// A DNS label, the name of a cluster or a StatefulSet.
pub(super) const LABEL: Rule<String> = Rule::new(Form::Text, value_rules::label);
/// The name of the mirrors' StatefulSet, which may be left out but not empty.
pub(super) const MIRRORS: Rule<String> = Rule {
    empty: Some((
        "mirrors without a name",
        "give the name of the mirrors' StatefulSet, or remove the key for a cluster without mirrors",
    )),
    ..LABEL
};
/// A DNS name.
pub(super) const DOMAIN: Rule<String> = Rule::new(Form::Text, value_rules::domain);
/// An absolute path.
pub(super) const PATH: Rule<PathBuf> = Rule::new(Form::Text, value_rules::path);
/// `true` or `false`.
pub(super) const SWITCH: Rule<bool> = Rule::new(Form::Switch, value_rules::switch);
/// A TCP port.
pub(super) const PORT: Rule<u16> = whole::<_, 1, 65_535>();
/// The name of a locale.
pub(super) const LOCALE: Rule<String> = Rule::new(Form::Text, value_rules::locale);
/// The name of a database.
pub(super) const DATABASE: Rule<String> = Rule::new(Form::Text, value_rules::database);
/// Times that come again and again.
pub(super) const SCHEDULE: Rule<Schedule> = Rule::new(Form::Text, schedule);
/// A line of pg_hba.conf.
pub(super) const HBA_LINE: Rule<String> = Rule::new(Form::Text, value_rules::hba_line);
/// The name of a parameter of postgresql.conf.
pub(super) const PARAMETER: Rule<String> = Rule::new(Form::Text, postgres_parameters::name);
/// The value of a parameter of postgresql.conf.
pub(super) const PARAMETER_VALUE: Rule<String> = Rule::new(Form::Text, postgres_parameters::value);

/// A whole number within `MIN..=MAX`.
pub(super) const fn whole<T: TryFrom<u64>, const MIN: u64, const MAX: u64>() -> Rule<T> {
    Rule::new(Form::Whole { min: MIN, max: MAX }, read_whole::<T, MIN, MAX>)
}

/// One of the type's words.
pub(super) const fn words<T: Word>() -> Rule<T> {
    Rule::new(Form::Words(T::NAMES), read_word)
}

fn read_whole<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, Fault> {
    let number = value_rules::whole(text, MIN, MAX)?;
    T::try_from(number).map_err(|_| Fault::new("is too large", format!("give at most {MAX}")))
}

fn read_word<T: Word>(text: &str) -> Result<T, Fault> {
    let found = T::WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let near = nearest(text, T::NAMES.iter().copied());
        let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        Fault::new(
            format!("{} is not known", value_rules::shown(text)),
            format!("choose one of {}{hint}", T::NAMES.join(", ")),
        )
    })
}
