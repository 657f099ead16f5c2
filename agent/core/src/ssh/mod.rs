//! SSH between the pods: keys and their rotation, ports, known_hosts and configuration files.

pub mod config;
pub mod key_rotation;
pub mod known_hosts;
pub mod ports;
pub mod private_key;
pub mod public_key;
