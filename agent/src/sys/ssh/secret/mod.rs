//! SSH keys from a mounted Secret: reading, watching and judging them.

mod file_names;
mod validate;
mod watch;

pub use validate::examine;
pub(crate) use validate::{KeyPair, PrivateKey, Reading, SecretKeys};
pub use watch::RawSecret;
pub(crate) use watch::SecretWatch;
