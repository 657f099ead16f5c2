//! A world of two pods for the candidates: an authority, a network, servers that acknowledge commits, and everything that can
//! go wrong with them. What must never be is checked at every step. Random walks through it are in `walks`, all short ways in
//! `checker`.

mod checker;
mod left_out;
mod normal;
mod walks;
mod world;
