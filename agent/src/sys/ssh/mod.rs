//! The SSH programs, and the Secret with the keys.

pub mod programs;
pub mod secret;
