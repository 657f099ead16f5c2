//! One content's lost server: whether it may be brought back now, by which method, and what was tried before.

pub mod accepted;
pub mod attempts;
pub(super) mod judgement;
pub mod method;
mod stopped_by_tool;
