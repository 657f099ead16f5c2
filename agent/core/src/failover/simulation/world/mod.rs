//! The world itself: two pods and what is between them, how it begins, how time passes in it, and what can go wrong.

pub(super) mod actions;
mod beginnings;
mod data;
mod delivery;
pub(super) mod fault;
mod faults;
mod looks;
mod pod;
mod servers;
pub(super) mod state;
mod story;
pub(super) mod time;
