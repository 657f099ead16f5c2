//! What the machine is told of this pod: its directory, its server, and the stream between the two servers from either end.

pub(super) mod looks;
mod own_side;
mod standby_stream;
pub(super) mod standbys;
