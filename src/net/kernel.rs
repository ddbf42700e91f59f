//! What the kernel knows of a connection and no safe library tells. The only unsafe code of the
//! crate: a few calls that fill values of known size, and one promise about a descriptor.
#![allow(unsafe_code)]

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::Duration,
};

use tokio::io::{Interest, unix::AsyncFd};

use super::Listener;

/// Bytes written to a TCP socket that its peer has not acknowledged yet, those not yet sent among
/// them (`SIOCOUTQ`, tcp(7)). They stay counted after a reset.
pub fn unacknowledged_bytes(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (the same number as SIOCOUTQ) writes one int to the address it is given,
    // and `bytes` is one int that lives through the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Memory of what was written to a Unix socket and not read by its peer: zero once everything is
/// read, before that more than the bytes themselves.
///
/// # Errors
/// The peer has hung up: what it left unread is thrown away then, and no longer counted. (The kernel
/// tells of the end before it throws anything away, so looking for it afterwards is enough.)
pub fn unread_memory(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let bytes = unacknowledged_bytes(socket)?;
    match hung_up(&[(0, socket.as_raw_fd())])[..] {
        [] => Ok(bytes),
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// How long ago the peer of a TCP socket last acknowledged anything, answers to keep-alive probes
/// among it (`tcpi_last_ack_recv`).
pub fn since_last_acknowledgement(socket: BorrowedFd<'_>) -> io::Result<Duration> {
    tcp_info(socket).map(|info| Duration::from_millis(u64::from(info.tcpi_last_ack_recv)))
}

fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    // SAFETY: tcp_info is plain numbers, for which all zeroes is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = mem::size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which has just that size.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &mut length,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(info)
}

/// Has this thread's runtime watch a listener for connections.
pub fn watch(listener: Listener) -> io::Result<AsyncFd<Listener>> {
    // SAFETY: a listener owns its one socket from `bind` to its drop and gives no way to replace
    // it, so that the descriptor stays open and the same for as long as it is registered.
    let watched = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
    watched.map_err(|refused| refused.into_parts().1)
}

/// Has this thread's runtime watch an epoll set.
pub fn watch_set(set: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open and the same until it is dropped.
    let watched = unsafe { AsyncFd::register_with_interest(set, Interest::READABLE) };
    watched.map_err(|refused| refused.into_parts().1)
}

/// Which of these sockets were reset or hung up, told by their numbers; a peer that merely finished
/// is not among them. One system call for each thousand. A descriptor that is no longer the one
/// that was meant gives a wrong answer, nothing worse.
pub fn hung_up(sockets: &[(u32, RawFd)]) -> Vec<u32> {
    let mut numbers = Vec::new();
    for some in sockets.chunks(1024) {
        let mut polled: Vec<libc::pollfd> =
            some.iter().map(|(_, fd)| libc::pollfd { fd: *fd, events: 0, revents: 0 }).collect();
        // SAFETY: the kernel writes `revents` of as many entries as it is told there are, and
        // returns at once because the time-out is zero.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
        if ready <= 0 {
            continue;
        }
        let gone = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
        let answered = some.iter().zip(&polled).filter(|(_, polled)| polled.revents & gone != 0);
        numbers.extend(answered.map(|((number, _), _)| *number));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::{fd::AsFd, unix::net::UnixStream},
        time::Instant,
    };

    use super::*;

    #[test]
    fn bytes_count_as_unacknowledged_only_until_the_peers_kernel_has_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[0; 65536]).is_ok() {}
        assert!(unacknowledged_bytes(ours.as_fd()).unwrap() > 0, "its buffers are full");
        theirs.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut sink = vec![0; 1 << 20];
        while unacknowledged_bytes(ours.as_fd()).unwrap() > 0 {
            let _ = theirs.read(&mut sink);
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn what_a_unix_peer_left_unread_never_counts_as_read() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"read").unwrap();
        assert!(unread_memory(ours.as_fd()).unwrap() >= 4);
        theirs.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(unread_memory(ours.as_fd()).unwrap(), 0);
        ours.write_all(b"unread").unwrap();
        drop(theirs);
        assert!(unread_memory(ours.as_fd()).is_err());
    }

    #[test]
    fn a_reset_is_seen_without_reading_and_a_peer_that_finished_has_not_hung_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pairs: Vec<_> = (0..3)
            .map(|_| {
                let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                (ours, listener.accept().unwrap().0)
            })
            .collect();
        let sockets: Vec<_> =
            pairs.iter().zip(0..).map(|((ours, _), number)| (number, ours.as_raw_fd())).collect();
        pairs[1].1.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(hung_up(&sockets).is_empty());
        let mut theirs = pairs.into_iter().map(|(ours, theirs)| (ours, Some(theirs)));
        let mut kept: Vec<_> = theirs.by_ref().collect();
        crate::net::options::reset_on_close(kept[2].1.as_ref().unwrap()).unwrap();
        kept[2].1 = None;
        let deadline = Instant::now() + Duration::from_secs(10);
        while hung_up(&sockets) != [2] {
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn the_age_of_the_last_acknowledgement_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(since_last_acknowledgement(ours.as_fd()).unwrap() < Duration::from_secs(10));
    }
}
