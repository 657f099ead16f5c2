//! Names and addresses: DNS, libc (NSS), this pod's own host name and interfaces.

pub(crate) mod dns;
pub(crate) mod hostname;
pub(crate) mod hosts_file;
pub(crate) mod interfaces;
pub(crate) mod nss;
