use std::io;

use crate::telemetry::AcceptFaultKind;

/// Sorts an error of `accept(2)`; each kind has an answer of its own. Linux passes pending network
/// errors of the new socket through accept, and accept(2) asks to treat them like `EAGAIN`.
pub fn sort_accept_fault(error: &io::Error) -> AcceptFaultKind {
    match error.raw_os_error() {
        Some(
            libc::ECONNABORTED
            | libc::EINTR
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::EOPNOTSUPP
            | libc::ENETUNREACH
            | libc::ECONNRESET
            | libc::ETIMEDOUT,
        ) => AcceptFaultKind::ThisConnection,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
            AcceptFaultKind::Exhausted
        }
        Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK) => AcceptFaultKind::ListenerGone,
        _ => AcceptFaultKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_accept_has_an_answer_of_its_own() {
        let table = [
            (libc::ECONNABORTED, AcceptFaultKind::ThisConnection),
            (libc::EPROTO, AcceptFaultKind::ThisConnection),
            (libc::EMFILE, AcceptFaultKind::Exhausted),
            (libc::ENFILE, AcceptFaultKind::Exhausted),
            (libc::ENOMEM, AcceptFaultKind::Exhausted),
            (libc::EBADF, AcceptFaultKind::ListenerGone),
            (libc::EINVAL, AcceptFaultKind::ListenerGone),
            (libc::EFAULT, AcceptFaultKind::Unexpected),
        ];
        for (number, expected) in table {
            assert_eq!(sort_accept_fault(&io::Error::from_raw_os_error(number)), expected);
        }
        assert_eq!(sort_accept_fault(&io::Error::other("odd")), AcceptFaultKind::Unexpected);
    }
}
