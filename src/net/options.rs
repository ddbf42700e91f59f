//! Socket options of a device's connection.

use std::{io, os::fd::AsFd, time::Duration};

use socket2::{SockRef, TcpKeepalive};

use super::KeepaliveSettings;

/// Sends small writes at once, and lets the kernel look for peers that have vanished. Without a
/// `user_timeout` the kernel gives up on unacknowledged bytes after some fifteen minutes.
pub fn prepare(
    socket: &impl AsFd,
    keepalive: &KeepaliveSettings,
    user_timeout: Option<Duration>,
) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    set_keepalive(&socket, keepalive)?;
    socket.set_tcp_user_timeout(user_timeout)
}

/// Whether the kernel says that all this is in force already.
pub fn is_prepared(
    socket: &impl AsFd,
    keepalive: &KeepaliveSettings,
    user_timeout: Option<Duration>,
) -> io::Result<bool> {
    let socket = SockRef::from(socket);
    let is_kept_alive = match keepalive.idle.non_zero() {
        None => !socket.keepalive()?,
        Some(idle) => {
            socket.keepalive()?
                && socket.tcp_keepalive_time()? == idle
                && socket.tcp_keepalive_interval()? == keepalive.interval.get()
                && socket.tcp_keepalive_retries()? == keepalive.probes
        }
    };
    // No time-out reads as one of zero.
    let given = socket.tcp_user_timeout()?.filter(|timeout| !timeout.is_zero());
    Ok(is_kept_alive && socket.tcp_nodelay()? && given == user_timeout)
}

/// Puts the keep-alive numbers in force; an `idle` of zero turns it off.
pub fn set_keepalive(socket: &SockRef<'_>, keepalive: &KeepaliveSettings) -> io::Result<()> {
    let Some(idle) = keepalive.idle.non_zero() else {
        return socket.set_keepalive(false);
    };
    let numbers = TcpKeepalive::new()
        .with_time(idle)
        .with_interval(keepalive.interval.get())
        .with_retries(keepalive.probes);
    socket.set_tcp_keepalive(&numbers)
}

/// Makes the next close send a reset and throw away what is queued.
pub fn reset_on_close(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::units::Span;

    #[test]
    fn what_is_set_is_what_the_kernel_reads_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let keepalive =
            KeepaliveSettings { idle: Span::seconds(7), interval: Span::seconds(3), probes: 5 };
        prepare(&stream, &keepalive, Some(Duration::from_secs(90))).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(90)));
        assert!(is_prepared(&stream, &keepalive, Some(Duration::from_secs(90))).unwrap());
    }

    #[test]
    fn a_socket_that_lacks_one_option_is_not_prepared() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let keepalive =
            KeepaliveSettings { idle: Span::seconds(7), interval: Span::seconds(3), probes: 5 };
        let off = KeepaliveSettings { idle: Span::seconds(0), ..keepalive };
        prepare(&stream, &keepalive, None).unwrap();
        let is_prepared = |keepalive: &KeepaliveSettings, timeout| {
            is_prepared(&stream, keepalive, timeout).unwrap()
        };
        assert!(is_prepared(&keepalive, None));
        assert!(!is_prepared(&off, None));
        assert!(!is_prepared(&KeepaliveSettings { probes: 4, ..keepalive }, None));
        assert!(!is_prepared(&keepalive, Some(Duration::from_secs(1))));
        SockRef::from(&stream).set_tcp_nodelay(false).unwrap();
        assert!(!is_prepared(&keepalive, None));
    }
}
