//! pg_hba.conf: reading it as PostgreSQL does, saying whom it admits, writing the agent's block, and proving
//! that every connection the topology needs is admitted, and not by luck.
//!
//! The rules follow PostgreSQL's `src/backend/libpq/hba.c` (versions 14 to 16; where 12 and 13 differ, the
//! function says so). Nothing here touches a file or asks the network: names come in as a [`View`].

mod address;
mod auth_options;
pub(crate) mod breadth;
mod evaluate;
mod index;
pub(crate) mod managed_block;
mod model;
mod parse;
mod render;
pub(crate) mod required_connections;
mod syntax_error;
mod tokenizer;
mod verify;

pub use address::Interface;
#[cfg(any(test, feature = "fixtures"))]
pub use evaluate::admit;
pub use evaluate::{Client, Database, Origin, Verdict, View};
pub use index::Index;
pub use managed_block::splice;
pub use model::{Address, ConnType, ErrorKind, HbaFile, LineError, Method, Rule, Token};
pub use parse::parse;
pub use render::{BlockRequest, ExtraLineError, HbaPeer, PeerAddress, render_block};
pub use required_connections::{Connection, Via, needs, needs_of_fts};
pub use verify::{ResolvedView, prove};
