//! pg_hba.conf: reading it as PostgreSQL does, saying whom it admits, writing the agent's block, and proving
//! that every connection the topology needs is admitted, and not by luck.
//!
//! The rules follow PostgreSQL's `src/backend/libpq/hba.c` (what its versions differ in stands in [`Grammar`]). Nothing here touches a file or asks the network: names come in as a [`View`].

mod address;
mod auth_options;
pub(crate) mod breadth;
mod evaluate;
mod grammar;
mod index;
mod load_mark;
pub(crate) mod managed_block;
mod model;
mod open_lines;
mod parse;
mod render;
pub(crate) mod required_connections;
mod syntax_error;
mod tokenizer;
mod verify;

pub use address::Interface;
#[cfg(any(test, feature = "fixtures"))]
pub use evaluate::admit;
pub use evaluate::{Client, Database, HbaVerdict, Origin, View};
pub use grammar::Grammar;
pub use index::Index;
pub use load_mark::{LoadMark, load_mark, with_load_mark};
pub use managed_block::splice;
pub use model::{Address, ConnType, ErrorKind, HbaFile, LineError, Method, Rule, Token};
pub use open_lines::open_lines;
pub use parse::{parse, parse_as};
pub use render::{Block, BlockRequest, ExtraLineError, HbaPeer, PeerAddress, judge_extra, render_block};
pub use required_connections::{Connection, Via, needs, needs_of_fts};
pub use verify::{ResolvedView, prove};
