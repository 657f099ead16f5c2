//! The agent's lines of `/etc/hosts`: what FTS, the dispatcher and WAL receivers go by while DNS is away.
//!
//! The file is written in place, because a file that is mounted by itself cannot be replaced, and libc reads it with
//! nobody's leave: at any moment, a block of 4096 bytes at a time (glibc, nss_files). So every line of the agent has one
//! width, which divides such a block, and begins at a multiple of it; it comes and goes by its first byte alone; and what
//! stands in it changes only while it is a comment. Lines of others are never touched.

mod line;
mod place;
mod plan;
mod wanted;

pub use line::without_own;
pub use place::{KeptHost, Whereabouts};
pub use plan::{Write, plan};
pub use wanted::{Own, wanted};

/// The most names that are kept. libc reads the whole file at every lookup, 0.13 ms for 1,000 names, and each session of a
/// coordinator looks every segment up once: with more, DNS is the quicker way.
pub const MOST: usize = 2_000;

#[cfg(test)]
mod tests;
