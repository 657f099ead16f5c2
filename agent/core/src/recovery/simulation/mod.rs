//! The machine in a cluster that loses servers, agents, tools and its mind, over whole days.

mod faults;
mod roles_observer;
mod tool;
mod walks;
pub(super) mod world;
