//! A replica that needs write-ahead log which the server that it follows no longer has: it tries for ever, and only a new copy
//! helps.

mod plan;
mod proof;
mod replay_title;

pub use plan::{CopyGround, CopyPlan, Replica, gives_way, plan};
pub use proof::{Behind, Silence, SilenceEvidence, has_room};
pub use replay_title::replays;
