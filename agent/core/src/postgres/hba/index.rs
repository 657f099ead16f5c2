//! [`super::evaluate`] for many clients at once.

use super::address::full_mask;
use super::evaluate::{Client, HbaVerdict, Origin, View, matches};
use super::model::{Address, HbaFile, Rule};
use std::collections::HashMap;
use std::net::IpAddr;

/// A file made ready for many clients: lines with one address or one name are found by it, the others are tried
/// in turn. The verdicts are those of [`admit`].
pub struct Index<'a> {
    rules: &'a [Rule],
    by_address: HashMap<IpAddr, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    local: Vec<usize>,
    others: Vec<usize>,
}

impl<'a> Index<'a> {
    /// Sorts the lines of a file.
    pub fn new(file: &'a HbaFile) -> Index<'a> {
        Index::of(file, |_| true)
    }

    /// Sorts those lines of a file that are wanted.
    pub(super) fn of(file: &'a HbaFile, wanted: impl Fn(&Rule) -> bool) -> Index<'a> {
        let mut index = Index {
            rules: &file.rules,
            by_address: HashMap::new(),
            by_name: HashMap::new(),
            local: Vec::new(),
            others: Vec::new(),
        };
        for (position, rule) in file.rules.iter().enumerate().filter(|(_, r)| wanted(r)) {
            index.bucket(rule).push(position);
        }
        index
    }

    fn bucket(&mut self, rule: &Rule) -> &mut Vec<usize> {
        match &rule.address {
            None => &mut self.local,
            Some(Address::Net { address, mask }) if *mask == full_mask(*address) => {
                self.by_address.entry(*address).or_default()
            }
            Some(Address::Name(name)) if !name.starts_with('.') => {
                self.by_name.entry(name.to_ascii_lowercase()).or_default()
            }
            Some(_) => &mut self.others,
        }
    }

    /// The verdict of the first line that matches.
    pub fn admit(&self, client: &Client, view: &View) -> HbaVerdict<'a> {
        let first = |positions: &[usize]| {
            let mut positions = positions.iter().copied();
            positions.find(|at| matches(&self.rules[*at], client, view))
        };
        let found = match client.origin {
            Origin::Local => first(&self.local),
            Origin::Host { address, .. } => {
                let exact = self.by_address.get(&address).and_then(|b| first(b));
                let named = view
                    .verified_name(address)
                    .and_then(|name| self.by_name.get(&name.to_ascii_lowercase()))
                    .and_then(|b| first(b));
                let best = exact.into_iter().chain(named).min();
                // Only the lines before the best one so far can still win.
                let before = self.others.partition_point(|at| best.is_none_or(|best| *at < best));
                first(&self.others[..before]).or(best)
            }
        };
        HbaVerdict::of(found.map(|at| &self.rules[at]))
    }
}
