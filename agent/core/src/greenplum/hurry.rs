//! What makes a server give up soon on another one that is lost: it stands in [`HURRY_FILE`](crate::postgres::conf::HURRY_FILE)
//! for as long as the other one is silent, a minute at most.

/// In a coordinator's directory, for FTS and the dispatcher: two observers have waited for the primary already.
pub const ON_A_PRIMARY: &str = "# Written by gp-agent while the node of a primary is silent, and removed again.\n\
    gp_fts_probe_timeout = '2s'\ngp_fts_probe_retries = '0'\ngp_segment_connect_timeout = '3s'\n";

/// In a primary's directory. It stops sending, and tells FTS, when that asks, that the mirror is gone: FTS then has it wait for no
/// mirror. By themselves that takes a minute (wal_sender_timeout) and half of one (gp_fts_mark_mirror_down_grace_period), for which
/// no commit ends. A mirror that is back needs no more than a look of FTS.
pub const ON_A_MIRROR: &str = "# Written by gp-agent while the node of this primary's mirror is silent, and removed again.\n\
    wal_sender_timeout = '1s'\ngp_fts_mark_mirror_down_grace_period = '0'\n";
