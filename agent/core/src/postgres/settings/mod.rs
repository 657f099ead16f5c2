//! The server's settings: whether it starts with them, which set it last ran with, and who else sets what the agent needs.

mod auto_conf;
mod ledger;
mod overrides;
mod trial;

pub use auto_conf::assignments;
pub use ledger::{Choice, Ledger, Parameters, Refused, blamed};
pub use overrides::{Overriding, overridden};
pub use trial::{Verdict, beside_control, verdict};
