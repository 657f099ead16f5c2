//! The SSH programs, and the Secret with the keys.

pub(crate) mod programs;
pub(crate) mod secret;
