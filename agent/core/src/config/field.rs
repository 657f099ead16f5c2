//! What a field of the configuration can be: how its type is read, finished and compared.

use super::key::Key;
use super::model::{
    Auth, AuthorityChoice, EngineKind, FailoverMode, KeepHosts, OnPodDelete, RebalanceWhen, Recover, RecoverFull,
    Redistribute, Require, UseApi,
};
use super::reader::Reader;
use super::rule::Rule;
use super::schedule::Schedule;
use super::values::Read;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A type that one value of the file or of a variable becomes.
pub(super) trait Scalar: PartialEq {}

impl Scalar for String {}
impl Scalar for PathBuf {}
impl Scalar for bool {}
impl Scalar for u16 {}
impl Scalar for u32 {}
impl Scalar for u64 {}
impl Scalar for EngineKind {}
impl Scalar for Require {}
impl Scalar for Auth {}
impl Scalar for UseApi {}
impl Scalar for FailoverMode {}
impl Scalar for AuthorityChoice {}
impl Scalar for KeepHosts {}
impl Scalar for OnPodDelete {}
impl Scalar for RebalanceWhen {}
impl Scalar for Schedule {}
impl Scalar for Recover {}
impl Scalar for RecoverFull {}
impl Scalar for Redistribute {}

/// A type of a field.
pub(super) trait Field: PartialEq + Sized {
    /// How its values are read.
    type Rule;
    /// What there is of it while the rest may still be wrong.
    type Draft;

    /// Reads it; what is wrong is reported to the reader.
    fn read(r: &mut Reader, key: &'static Key, rule: &Self::Rule) -> Self::Draft;

    /// The value; none when it is needed and missing.
    fn finish(draft: Self::Draft) -> Option<Self>;

    /// The dotted names of what differs between `self` and `new`.
    fn changes(&self, new: &Self, name: &str) -> Vec<String> {
        if self == new {
            Vec::new()
        } else {
            vec![name.to_string()]
        }
    }
}

impl<T: Scalar> Field for T {
    type Rule = Rule<T>;
    type Draft = Option<Read<T>>;

    fn read(r: &mut Reader, key: &'static Key, rule: &Rule<T>) -> Option<Read<T>> {
        r.scalar(key, rule)
    }

    fn finish(draft: Option<Read<T>>) -> Option<T> {
        draft.map(|read| read.value)
    }
}

impl<T: Scalar> Field for Option<T> {
    type Rule = Rule<T>;
    type Draft = Option<Read<T>>;

    fn read(r: &mut Reader, key: &'static Key, rule: &Rule<T>) -> Option<Read<T>> {
        r.scalar(key, rule)
    }

    fn finish(draft: Option<Read<T>>) -> Option<Option<T>> {
        Some(draft.map(|read| read.value))
    }
}

impl Field for Vec<String> {
    type Rule = Rule<String>;
    type Draft = Vec<String>;

    fn read(r: &mut Reader, key: &'static Key, rule: &Rule<String>) -> Vec<String> {
        r.list(key, rule)
    }

    fn finish(draft: Vec<String>) -> Option<Vec<String>> {
        Some(draft)
    }
}

impl Field for BTreeMap<String, String> {
    type Rule = (Rule<String>, Rule<String>);
    type Draft = BTreeMap<String, String>;

    fn read(r: &mut Reader, key: &'static Key, (names, values): &Self::Rule) -> BTreeMap<String, String> {
        r.map(key, names, values)
    }

    fn finish(draft: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        Some(draft)
    }

    /// Entry by entry, such as `parameters.work_mem`.
    fn changes(&self, new: &Self, name: &str) -> Vec<String> {
        let entries: BTreeSet<&String> = self.keys().chain(new.keys()).collect();
        let changed = entries.into_iter().filter(|entry| self.get(*entry) != new.get(*entry));
        changed.map(|entry| format!("{name}.{entry}")).collect()
    }
}
