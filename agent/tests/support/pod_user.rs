//! Whom pods and servers of tests run as, and with which PostgreSQL.

use gp_agent::internals::engine::Tools;
use nix::unistd::User;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Servers refuse root.
pub(crate) fn user() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

/// PATH with the directory first that holds all of PostgreSQL's programs, where others have links to some of them.
pub(crate) fn path() -> OsString {
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let mut path = OsString::from(postgres.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

/// A command of that user, without root's other groups; of this one where it is not root.
pub(crate) fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("PATH", path());
    if nix::unistd::geteuid().is_root() {
        command.uid(user().uid.as_raw()).gid(user().gid.as_raw());
    }
    command
}

/// A directory of that user, made where there is none.
pub(crate) fn folder(path: &Path) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(path, Some(user().uid.as_raw()), Some(user().gid.as_raw())).unwrap();
    }
    path.to_path_buf()
}
