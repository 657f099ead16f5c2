//! What an agent knows of its own pod: one state, changed by one function ([`PodState::on`]). The document of `/status` is
//! derived from it.

mod document;
mod effect;
mod event;
mod facts;
mod machine;
#[cfg(test)]
mod tests;

pub use effect::{Effect, LineLevel};
pub use event::Event;
pub use facts::{Answered, DirectoryFacts, Facts, Identity, LeftBehind, PostmasterFacts};
pub use machine::PodState;
