//! Descriptors that a child inherits beside its standard streams.

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use std::io;
use std::os::fd::BorrowedFd;

/// Starts something that inherits the descriptor, by the same number. A child that another thread starts at the same moment
/// may inherit it too.
///
/// # Errors
/// Those of fcntl(2) and of `start`.
pub fn with_inherited<T>(descriptor: BorrowedFd<'_>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let flags = fcntl_getfd(descriptor)?;
    fcntl_setfd(descriptor, flags.difference(FdFlags::CLOEXEC))?;
    let started = start();
    fcntl_setfd(descriptor, flags)?;
    started
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    #[test]
    fn the_child_has_it_and_the_next_one_has_not() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = with_inherited(writer.as_fd(), || cat.spawn()).unwrap();
        let mut next = cat.spawn().unwrap();
        drop(writer);
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let open = reader.read(&mut [0]).unwrap_err();
        assert_eq!(open.kind(), io::ErrorKind::WouldBlock);
        rustix::io::ioctl_fionbio(&reader, false).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "nobody else has it");
        next.kill().unwrap();
        next.wait().unwrap();
    }
}
