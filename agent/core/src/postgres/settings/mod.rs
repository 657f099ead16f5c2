//! The server's settings: whether it starts with them, which set its last start worked with, and who else sets what the agent needs.

mod assignments;
mod blame;
mod in_use;
mod ledger;
mod next_start;
mod overrides;
mod session_libraries;
mod shared_memory;
mod trial;

pub use assignments::{assignments, value_of, without};
pub use blame::blamed;
pub use in_use::not_in_use;
pub use ledger::{Choice, Ledger, Parameters, Refused};
pub use next_start::{Ground, waits_for_restart};
pub use overrides::{Overriding, overridden};
pub use session_libraries::{SESSION_LIBRARIES, is_about_a_library, is_asked_for, preloaded};
pub use trial::{TrialVerdict, beside_control, verdict};
