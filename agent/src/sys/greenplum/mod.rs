//! What gpinitsystem needs of a host, looked at on that host.

pub(crate) mod preflight;
