//! Files of write-ahead log: names, first pages, timeline histories, and the title of the process that replays them.

#![no_main]

use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::postgres::left_behind::replays;
use gp_agent_core::postgres::timeline_history::left_at;
use gp_agent_core::postgres::wal_name::{WalName, is_at_or_after};
use gp_agent_core::postgres::wal_page::{first_page, place};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(page) = first_page(bytes) {
        assert_eq!(place(bytes), Some(page.at));
    }
    let text = String::from_utf8_lossy(bytes);
    for timeline in [0, 1, u32::MAX] {
        left_at(&text, timeline);
    }
    for size in [0, 1, 1 << 20, 16 << 20, 1 << 30, u64::MAX] {
        is_at_or_after(&text, 1, Lsn(u64::MAX), size);
    }
    for name in [WalName::parse(&text), replays(&text)].into_iter().flatten() {
        assert_eq!(WalName::parse(&name.to_string()), Some(name));
        for size in [1 << 20, 16 << 20, 1 << 30] {
            assert_ne!(name.next(size), name);
            name.begin(size);
        }
    }
});
