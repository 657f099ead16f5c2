//! What the table of keys says of one field: the rule by which it is read, and what stands for it when it is missing.

use super::field::{Field, Scalar};
use super::key::{Change, Form, Key, Missing};
use super::rule::Rule;
use std::collections::BTreeMap;

/// What the table of keys says of a field of type `F`.
pub(super) struct Entry<F: Field> {
    /// How it is read.
    pub rule: F::Rule,
    form: Form,
    missing: Missing,
    change: Change,
}

impl<T: Scalar> Rule<T> {
    /// The key has to be given.
    pub(super) const fn required(self) -> Entry<T> {
        Entry::new(self.form, self, Missing::Refused)
    }

    /// This text stands for a key that is not given.
    pub(super) const fn or(self, default: &'static str) -> Entry<T> {
        Entry::new(self.form, self, Missing::Default(default))
    }

    /// The key may be left out, which then has this meaning.
    pub(super) const fn absent(self, meaning: &'static str) -> Entry<Option<T>> {
        Entry::new(self.form, self, Missing::Means(meaning))
    }
}

/// A list of texts; leaving it out has this meaning.
pub(super) const fn list(of: Rule<String>, absent: &'static str) -> Entry<Vec<String>> {
    Entry::new(Form::List, of, Missing::Means(absent))
}

/// A mapping of names to texts; leaving it out has this meaning.
pub(super) const fn mapping(
    names: Rule<String>,
    values: Rule<String>,
    absent: &'static str,
) -> Entry<BTreeMap<String, String>> {
    Entry::new(Form::Map, (names, values), Missing::Means(absent))
}

impl<F: Field> Entry<F> {
    const fn new(form: Form, rule: F::Rule, missing: Missing) -> Self {
        let change = Change::Restart;
        Entry {
            rule,
            form,
            missing,
            change,
        }
    }

    /// A running pod follows a change of this key.
    pub(super) const fn live(mut self) -> Self {
        self.change = Change::Live;
        self
    }

    /// It cannot be changed once the cluster is made.
    pub(super) const fn settled(mut self) -> Self {
        self.change = Change::Settled;
        self
    }

    /// It cannot be changed once it stands in a catalog.
    pub(super) const fn in_catalog(mut self) -> Self {
        self.change = Change::InCatalog;
        self
    }

    /// The key of that name.
    pub(super) const fn key(&self, name: &'static str, doc: &'static str) -> Key {
        Key {
            name,
            form: self.form,
            missing: self.missing,
            change: self.change,
            doc,
        }
    }
}
