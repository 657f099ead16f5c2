//! What the Greenplum tools print: their lines, how far they are, and why they failed.
//!
//! gpinitsystem itself prints little: what happens on each segment, and the reason of a failure, stand only in its log file
//! (`gpinitsystem_<date>.log` in the folder given with `-l`). What the tools say that it calls, gpstart for one, stands in
//! the output alone. [`Reasons`] takes the lines of both and counts once what stands in both; [`Progress`] wants those of the
//! file, or else of the output.

mod failure;
mod line;
mod progress;
#[cfg(test)]
mod tests;
mod verdict;

pub use failure::Reasons;
pub use line::{Line, ToolLevel};
pub use progress::Progress;
pub use verdict::{FailedOn, ToolFailure, ToolVerdict};
