//! Names, and where they lead.

use std::net::IpAddr;

/// What is known of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptHost {
    /// The full name, which an address leads back to.
    pub name: String,
    /// The short one.
    pub alias: String,
    /// Where it is.
    pub at: Whereabouts,
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// To these addresses.
    At(Vec<IpAddr>),
    /// Nobody said yet: what the file says stays.
    Unknown,
    /// Nowhere, as DNS says.
    Nowhere,
}
