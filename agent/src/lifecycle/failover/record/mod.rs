//! The record's place, and what this volume remembers of it.

pub(super) mod authority;
pub(super) mod memory;
