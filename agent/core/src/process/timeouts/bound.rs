//! One bound of the table, and how the table is written.

use std::time::Duration;

/// One bound of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The constant's name.
    pub name: &'static str,
    /// How long.
    pub value: Duration,
    /// Who waits, and for whom.
    pub wait: &'static str,
    /// What it has to be shorter or longer than, and why.
    pub fits: &'static str,
}

/// The constants, and all of them in a row.
macro_rules! bounds {
    ($($name:ident = $value:expr, $wait:literal, $fits:literal;)*) => {
        $(#[doc = concat!("How long to wait: ", $wait, ". It is ", $fits, ".")] pub const $name: Duration = $value;)*

        /// All of them, for docs/design/timeouts.md.
        pub const BOUNDS: &[Bound] = &[$(Bound { name: stringify!($name), value: $name, wait: $wait, fits: $fits }),*];
    };
}

pub(super) use bounds;
