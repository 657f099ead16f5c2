//! Single decisions, and walks through kills in all phases.

mod files;
mod refusals;
mod walks;
mod world;
