//! The writes that make the file say what is known.

use super::line::{ASIDE, aside, entry, is_aside, is_own, lines, names, render, width};
use super::place::{KeptHost, Whereabouts};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Stands above the first line of the agent.
const HEADER: &str = "# gp-agent keeps the lines that end with its name; it writes them in place.";

/// One write: these bytes from there on. Nothing is ever cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Bytes from the beginning of the file.
    pub at: usize,
    /// What is written; all of it replaces as many bytes, or is appended.
    pub bytes: Vec<u8>,
}

/// A line of the agent that is in the file.
struct Slot {
    at: usize,
    /// What it says, where it counts.
    entry: Option<(IpAddr, String)>,
    /// Whether it may be used again: it has the width, and lies as it should.
    fits: bool,
}

/// The writes, in their order, that bring the file from `current` to what `places` say. With none it says so already.
///
/// First what is wrong no longer counts, then new lines are written aside, then they count: a reader between two writes
/// finds every name that did not change, and of one that changed the old address, none, or the new one. A line that
/// is put aside here is used again by a later plan only, so that a reader who is in the middle of it finds nothing mixed.
/// Names that somebody else's line has are left to that line.
pub fn plan(current: &[u8], places: &[KeptHost]) -> Vec<Write> {
    let named = places.iter().map(|p| (p.name.as_str(), p.alias.as_str()));
    let Some(width) = width(named) else {
        return Vec::new();
    };
    let slots = slots(current, width);
    let wanted = entries(current, places);
    let unknown = unknown(places, &wanted);
    let mut missing: BTreeMap<(IpAddr, &str), usize> = wanted.iter().enumerate().map(|(i, w)| (w.key(), i)).collect();
    let mut writes = Vec::new();
    let mut free = Vec::new();
    for slot in &slots {
        let Some((address, name)) = &slot.entry else {
            free.extend(slot.fits.then_some(slot.at));
            continue;
        };
        let right = slot.fits && (missing.remove(&(*address, name)).is_some() || unknown(*address, name));
        if !right {
            writes.push(put_aside(slot.at));
        }
    }
    let missing: BTreeSet<usize> = missing.into_values().collect();
    let missing = missing.iter().filter_map(|i| wanted.get(*i));
    let lines = missing.map(|w| render(w.address, &w.place.name, &w.place.alias, width));
    let (padding, end) = (padding(current, width, slots.is_empty()), current.len());
    writes.extend(fill(&lines.collect::<Vec<_>>(), &free, end, padding));
    writes
}

fn put_aside(at: usize) -> Write {
    let bytes = vec![ASIDE];
    Write { at, bytes }
}

fn slots(current: &[u8], width: usize) -> Vec<Slot> {
    let own = lines(current).filter(|(_, bytes)| is_own(bytes));
    own.map(|(at, bytes)| Slot {
        at,
        entry: (!is_aside(bytes)).then(|| entry(bytes)).flatten(),
        fits: bytes.len() == width && at.is_multiple_of(width),
    })
    .collect()
}

/// A line that the file should have.
struct Wanted<'a> {
    address: IpAddr,
    place: &'a KeptHost,
}

impl Wanted<'_> {
    fn key(&self) -> (IpAddr, &str) {
        (self.address, &self.place.name)
    }
}

/// What the file should say, in the order of the places, but for names that others' lines have.
fn entries<'a>(current: &[u8], places: &'a [KeptHost]) -> Vec<Wanted<'a>> {
    let foreign = lines(current).map(|(_, bytes)| bytes).filter(|bytes| !is_own(bytes));
    let foreign: BTreeSet<String> = foreign.flat_map(names).collect();
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for place in places {
        let Whereabouts::At(addresses) = &place.at else {
            continue;
        };
        if foreign.contains(&place.name.to_ascii_lowercase()) {
            continue;
        }
        for address in addresses.iter().map(IpAddr::to_canonical) {
            if seen.insert((address, place.name.as_str())) {
                wanted.push(Wanted { address, place });
            }
        }
    }
    wanted
}

/// Whether a line is about a name of which nobody said anything yet, and about an address that no other name has now.
fn unknown<'a>(places: &'a [KeptHost], wanted: &[Wanted<'_>]) -> impl Fn(IpAddr, &str) -> bool + use<'a> {
    let open = places.iter().filter(|p| p.at == Whereabouts::Unknown);
    let open: BTreeSet<&str> = open.map(|p| p.name.as_str()).collect();
    let taken: BTreeSet<IpAddr> = wanted.iter().map(|w| w.address).collect();
    move |address, name| open.contains(name) && !taken.contains(&address)
}

/// Writes the lines aside, into free slots and behind the end, and then makes them count.
fn fill(lines: &[Vec<u8>], free: &[usize], end: usize, padding: Vec<u8>) -> Vec<Write> {
    let (reused, appended) = lines.split_at(free.len().min(lines.len()));
    let mut writes = Vec::new();
    let mut begins = Vec::new();
    for (line, at) in reused.iter().zip(free) {
        let bytes = aside(line.clone());
        writes.push(Write { at: *at, bytes });
        begins.push(*at);
    }
    let mut bytes = padding;
    for line in appended {
        begins.push(end + bytes.len());
        bytes.extend(aside(line.clone()));
    }
    if !appended.is_empty() {
        writes.push(Write { at: end, bytes });
    }
    let first = |line: &Vec<u8>| line.iter().take(1).copied().collect();
    let count = |(at, line): (usize, &Vec<u8>)| Write { at, bytes: first(line) };
    writes.extend(begins.into_iter().zip(lines).map(count));
    writes
}

/// What has to come before a line at the end of the file: the end of the last line, and comments up to a multiple of the
/// width.
fn padding(current: &[u8], width: usize, first: bool) -> Vec<u8> {
    let mut padding = Vec::new();
    if !matches!(current.last(), None | Some(b'\n')) {
        padding.push(b'\n');
    }
    let mut blank = (width - (current.len() + padding.len()) % width) % width;
    let header = if first { HEADER } else { "#" };
    if first && blank < header.len() + 1 {
        blank += width;
    }
    if let Some(blanks) = blank.checked_sub(1) {
        let header = if blanks < header.len() { "" } else { header };
        padding.extend(header.bytes());
        padding.resize(padding.len() + blanks - header.len(), b' ');
        padding.push(b'\n');
    }
    padding
}
