//! The server's settings: whether it starts with them, which set it last ran with, and who else sets what the agent needs.

mod assignments;
mod blame;
mod ledger;
mod overrides;
mod trial;

pub use assignments::{assignments, value_of, without};
pub use blame::blamed;
pub use ledger::{Choice, Ledger, Parameters, Refused};
pub use overrides::{Overriding, overridden};
pub use trial::{Verdict, beside_control, verdict};
