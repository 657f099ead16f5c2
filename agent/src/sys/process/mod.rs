//! Processes: started, adopted, awaited and signalled by pidfd, and listed from /proc.

pub(crate) mod brief;
pub(crate) mod clock;
pub(crate) mod container;
pub(crate) mod fd_passing;
mod handle;
pub(crate) mod inherit;
pub(crate) mod init_channel;
pub(crate) mod passwd;
mod table;
pub(crate) mod tool_links;

pub(crate) use handle::{Ended, Process, signal_name};
pub(crate) use table::{FileId, catches, process, sees_the_same, works_in};
pub use table::{ProcessInfo, processes};
