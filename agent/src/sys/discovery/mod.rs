//! Names and addresses: DNS, libc (NSS), this pod's own host name and interfaces.

pub mod dns;
pub mod hostname;
pub mod interfaces;
pub mod nss;
