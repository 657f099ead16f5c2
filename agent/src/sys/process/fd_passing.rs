//! Descriptors that travel between processes as messages (unix(7), SCM_RIGHTS).

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Sends one message, with a duplicate of `descriptor` when there is one. Never waits, never raises SIGPIPE.
///
/// # Errors
/// EAGAIN when the other end does not read, ECONNRESET or EPIPE when it is gone.
pub(crate) fn send(to: impl AsFd, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sent = descriptor.as_slice();
    if !sent.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(sent));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(to, &[IoSlice::new(message)], &mut control, flags)?;
    Ok(())
}

/// Receives one message into `buffer`: its length, and the first descriptor that came with it, with close-on-exec. Never
/// waits; a length of 0 is the end of a line that keeps the bounds of its messages.
///
/// # Errors
/// EAGAIN when there is none yet.
pub(crate) fn receive(from: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(from, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut all) => all.next(),
        _ => None,
    });
    Ok((received.bytes, descriptor))
}

/// An owned duplicate of the descriptor of that number, with close-on-exec; nothing when there is none.
///
/// Rust cannot own a bare number without `unsafe`. Sent through a socket to ourselves it comes back owned; pidfd_getfd
/// would do as well, but container engines forbid it.
pub(crate) fn own(number: RawFd) -> Option<OwnedFd> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let (here, there) = UnixStream::pair().ok()?;
    let rights = [number];
    sendmsg::<()>(
        here.as_raw_fd(),
        &[IoSlice::new(b"f")],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::empty(),
        None,
    )
    .ok()?;
    receive(&there, &mut [0]).ok()?.1
}

/// Takes the inherited descriptor of that number out of the way of this process's own children, which must not keep it.
/// Nothing when there is none; 0, 1 and 2 belong to the standard streams.
pub(crate) fn take(number: RawFd) -> Option<OwnedFd> {
    let taken = own(number).filter(|_| number > 2)?;
    nix::unistd::close(number).ok()?;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::io::{Read, Write};

    fn pair() -> (OwnedFd, OwnedFd) {
        let kind = SocketType::SEQPACKET;
        socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None).unwrap()
    }

    #[test]
    fn a_descriptor_arrives_with_its_word_and_close_on_exec() {
        let (here, there) = pair();
        let (mut reader, writer) = std::io::pipe().unwrap();
        send(&here, b"plain", None).unwrap();
        send(&here, b"lock", Some(writer.as_fd())).unwrap();
        drop(writer);
        let mut buffer = [0; 64];
        let (n, none) = receive(&there, &mut buffer).unwrap();
        assert!(n == 5 && none.is_none());
        let (n, descriptor) = receive(&there, &mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"lock");
        let descriptor = descriptor.unwrap();
        let flags = fcntl_getfd(&descriptor).unwrap();
        assert!(flags.contains(FdFlags::CLOEXEC));
        std::fs::File::from(descriptor).write_all(b"x").unwrap();
        let mut text = String::new();
        // The end of the file shows that no other copy was left open.
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn nothing_waits() {
        let (here, there) = pair();
        let empty = receive(&there, &mut [0; 8]).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        while send(&here, b"beat", None).is_ok() {}
        let full = send(&here, b"beat", None).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        drop(there);
        // What it had not read is reported first.
        let gone = [(); 2].map(|()| send(&here, b"beat", None).unwrap_err().kind());
        assert_eq!(gone, [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe]);
    }
}
