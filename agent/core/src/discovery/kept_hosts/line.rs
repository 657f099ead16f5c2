//! One line of the agent.

use std::net::IpAddr;

/// The first byte of a line that does not count.
pub(super) const ASIDE: u8 = b'#';
/// How a line of the agent ends; a comment to libc.
const END: &[u8] = b" # gp-agent\n";
/// The longest that an address gets.
const ADDRESS_WIDTH: usize = 39;
/// Powers of two: a line never lies in two blocks that libc reads. musl's lines have no more than 512 bytes.
const WIDTHS: [usize; 3] = [128, 256, 512];

/// The narrowest width that all of these names and aliases fit; nothing where one is too long for any.
pub(super) fn width<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<usize> {
    let fixed = ADDRESS_WIDTH + 2 + END.len();
    let longest = names.map(|(name, alias)| name.len() + alias.len() + fixed).max();
    WIDTHS.into_iter().find(|width| *width >= longest.unwrap_or_default())
}

/// The line that counts; the caller sees to it that it fits.
pub(super) fn render(address: IpAddr, name: &str, alias: &str, width: usize) -> Vec<u8> {
    let address = address.to_canonical();
    let mut line = format!("{address:<ADDRESS_WIDTH$} {name} {alias}").into_bytes();
    line.resize(width.saturating_sub(END.len()), b' ');
    line.extend_from_slice(END);
    line
}

/// The same line, as it does not count.
pub(super) fn aside(mut line: Vec<u8>) -> Vec<u8> {
    if let Some(first) = line.first_mut() {
        *first = ASIDE;
    }
    line
}

/// Every line with its end, and where it begins.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |bytes| {
        let begin = at;
        at += bytes.len();
        (begin, bytes)
    })
}

/// Whether the agent wrote it, be it aside or not.
pub(super) fn is_own(line: &[u8]) -> bool {
    WIDTHS.contains(&line.len()) && line.ends_with(END)
}

/// Whether it does not count.
pub(super) fn is_aside(line: &[u8]) -> bool {
    line.first() == Some(&ASIDE)
}

/// Address and name of a line that counts.
pub(super) fn entry(line: &[u8]) -> Option<(IpAddr, String)> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split('#').next()?.split_whitespace();
    let address: IpAddr = words.next()?.parse().ok()?;
    Some((address.to_canonical(), words.next()?.to_string()))
}

/// The names that a line gives its address, in small letters and without a dot at their end.
pub(super) fn names(line: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let words = text.split('#').next().unwrap_or_default().split_whitespace();
    let names = words.skip(1).map(|word| word.trim_end_matches('.'));
    names.map(str::to_ascii_lowercase).collect()
}

/// The lines of others, as libc and the agent itself would read them if the agent had none there: what the agent wrote
/// is no news to it.
pub fn without_own(text: &[u8]) -> Vec<u8> {
    let lines = lines(text).filter(|(_, bytes)| !is_own(bytes));
    lines.flat_map(|(_, bytes)| bytes.iter().copied()).collect()
}
