//! The header of a page of write-ahead log (xlog_internal.h, XLogPageHeaderData): by it a segment that holds what its name says is
//! told from a file that was renamed to be filled later.

use crate::failover::lsn::Lsn;

/// Bytes that are enough to read one.
pub const HEADER: usize = 40;

/// What the first page of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPage {
    /// Where the page is in the log.
    pub at: Lsn,
    /// Bytes of a page (`wal_block_size`).
    pub block: u64,
}

/// The header says more than that of other pages (XLP_LONG_HEADER).
const LONG: u16 = 0x0002;

/// The first page of a segment; `None` of what is none.
pub fn first_page(bytes: &[u8]) -> Option<FirstPage> {
    let info = u16::from_ne_bytes(part(bytes, 2)?);
    let block = u32::from_ne_bytes(part(bytes, 36)?);
    let sound = info & LONG != 0 && block.is_power_of_two() && (1 << 10..=1 << 16).contains(&block);
    sound.then_some(FirstPage {
        at: place(bytes)?,
        block: u64::from(block),
    })
}

/// Where a page is in the log, as its header says; [`Lsn`] 0 of one that was never written.
pub fn place(bytes: &[u8]) -> Option<Lsn> {
    Some(Lsn(u64::from_ne_bytes(part(bytes, 8)?)))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header as a server writes it.
    fn written(at: u64, info: u16, block: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(0xD110_u16.to_ne_bytes());
        bytes.extend(info.to_ne_bytes());
        bytes.extend(1_u32.to_ne_bytes());
        bytes.extend(at.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(7_u64.to_ne_bytes());
        bytes.extend((16_u32 << 20).to_ne_bytes());
        bytes.extend(block.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_first_page_says_where_it_is_and_how_large_pages_are() {
        let page = written(0x300_0000, LONG, 8192);
        assert_eq!(page.len(), HEADER);
        let said = FirstPage {
            at: Lsn(0x300_0000),
            block: 8192,
        };
        assert_eq!(first_page(&page), Some(said));
        assert_eq!(first_page(&written(0x300_0000, 0, 8192)), None, "not the first");
        assert_eq!(first_page(&written(0x300_0000, LONG, 0)), None);
        assert_eq!(first_page(&[0; HEADER]), None, "never written");
        assert_eq!(place(&[0; HEADER]), Some(Lsn(0)));
    }

    proptest! {
        #[test]
        fn what_is_cut_off_says_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..HEADER)) {
            prop_assert_eq!(first_page(&bytes), None);
        }
    }
}
