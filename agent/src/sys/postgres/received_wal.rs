//! How far the write-ahead log of a replica reaches that it has itself. Its server looks there before it asks for more, so one that
//! replays slowly, or was restarted, may still have much of it.

use gp_agent_core::postgres::wal_name::WalName;
use gp_agent_core::postgres::wal_page;
use gp_agent_core::postgres::wal_page::HEADER;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The segments of a directory, by their places: the same one may be there on several timelines.
type Held = BTreeMap<(u32, u32), Vec<WalName>>;

/// A segment that holds what its name says, from its beginning on.
struct Begun {
    name: WalName,
    file: File,
    block: u64,
}

/// The first segment that is not whole in the directory `wal`, from the one on that is replayed. The last one whose beginning is
/// there counts as whole when it is written to its end, or when replay is `late` on purpose: the rest of a segment that was
/// switched is empty, and only replay knows.
///
/// # Errors
/// The directory cannot be read.
pub(crate) fn needs(wal: &Path, replays: WalName, late: bool) -> io::Result<WalName> {
    let (held, size) = list(wal, replays.timeline)?;
    let mut next = replays;
    let mut last = None;
    while let Some(begun) = begun(wal, &held, next, size) {
        last = Some(begun);
        next = next.next(size);
    }
    Ok(match last {
        Some(last) if !late && !is_written_to_its_end(&last, size) => last.name,
        _ => next,
    })
}

/// Those of `timeline` and newer ones, and their size: what initdb chose, the same for all.
fn list(wal: &Path, timeline: u32) -> io::Result<(Held, u64)> {
    let mut held = Held::new();
    let mut size = 0;
    for entry in std::fs::read_dir(wal)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(WalName::parse) else {
            continue;
        };
        // One that has gone meanwhile is not there.
        let Ok(meta) = entry.metadata() else { continue };
        size = size.max(meta.len());
        if name.timeline >= timeline {
            held.entry(name.place()).or_default().push(name);
        }
    }
    Ok((held, size))
}

/// A file that waits under that name to be filled says another place.
fn begun(wal: &Path, held: &Held, at: WalName, size: u64) -> Option<Begun> {
    let mut names = held.get(&at.place())?.iter();
    names.find_map(|name| {
        let file = File::open(wal.join(name.to_string())).ok()?;
        let page = wal_page::first_page(&header(&file, 0)?)?;
        (page.at == name.begin(size)).then_some(Begun {
            name: *name,
            file,
            block: page.block,
        })
    })
}

fn is_written_to_its_end(segment: &Begun, size: u64) -> bool {
    let last = size.saturating_sub(segment.block);
    let at = header(&segment.file, last).and_then(|bytes| wal_page::place(&bytes));
    at.is_some_and(|at| at.0 == segment.name.begin(size).0 + last)
}

fn header(file: &File, at: u64) -> Option<[u8; HEADER]> {
    let mut bytes = [0; HEADER];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1 << 20;
    const BLOCK: u32 = 8192;

    fn page(at: u64) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[2..4].copy_from_slice(&2_u16.to_ne_bytes());
        bytes[8..16].copy_from_slice(&at.to_ne_bytes());
        bytes[36..40].copy_from_slice(&BLOCK.to_ne_bytes());
        bytes
    }

    fn name(timeline: u32, low: u32) -> WalName {
        WalName::parse(&format!("{timeline:08X}00000000{low:08X}")).unwrap()
    }

    /// A segment that says `says`, and how much of it is there.
    fn put(wal: &Path, name: WalName, says: WalName, whole: bool) {
        let file = File::create(wal.join(name.to_string())).unwrap();
        file.set_len(SIZE).unwrap();
        let begin = says.begin(SIZE).0;
        file.write_all_at(&page(begin), 0).unwrap();
        if whole {
            let last = SIZE - u64::from(BLOCK);
            file.write_all_at(&page(begin + last), last).unwrap();
        }
    }

    #[test]
    fn what_is_here_is_not_needed() {
        let dir = tempfile::tempdir().unwrap();
        let wal = dir.path();
        let needs = |from| needs(wal, from, false).unwrap();
        assert_eq!(needs(name(1, 3)), name(1, 3), "nothing is here");
        put(wal, name(1, 3), name(1, 3), false);
        assert_eq!(needs(name(1, 3)), name(1, 3), "a part is here");
        assert_eq!(super::needs(wal, name(1, 3), true).unwrap(), name(1, 4));
        // The rest of one that was switched is empty, and the next one was begun.
        put(wal, name(1, 4), name(1, 4), true);
        assert_eq!(needs(name(1, 3)), name(1, 5));
        // Waits to be filled.
        put(wal, name(1, 5), name(1, 1), true);
        assert_eq!(needs(name(1, 3)), name(1, 5));
        put(wal, name(2, 5), name(2, 5), false);
        assert_eq!(needs(name(1, 3)).place(), name(1, 5).place());
        put(wal, name(2, 6), name(2, 6), true);
        assert_eq!(needs(name(1, 3)), name(1, 7), "on a newer timeline");
        assert_eq!(needs(name(3, 6)), name(3, 6), "not on an older one");
        assert_eq!(needs(name(1, 9)), name(1, 9));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(needs(Path::new("/nowhere/pg_wal"), name(1, 1), false).is_err());
    }
}
