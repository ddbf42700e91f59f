use crate::net::AddressFault;

/// Why the admin API cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum AdminFault {
    /// Its address cannot be listened on.
    #[error(
        "admin: {address}: {error}; choose another address, or write enabled = false in [admin]"
    )]
    Bind {
        /// The address as it is written.
        address: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// An address that the configuration's check let through.
    #[error("admin: {0}")]
    Address(#[from] AddressFault),
    /// A file holds no token.
    #[error("admin.tokens.{name}: {path}: {why}")]
    Token {
        /// Which one.
        name: String,
        /// Its file.
        path: String,
        /// Why.
        why: String,
    },
    /// It can be reached from elsewhere, and anybody could do anything.
    #[error(
        "admin: {address} can be reached from other machines; write [admin.tokens.ops], or a loopback address"
    )]
    Open {
        /// The address as it is written.
        address: String,
    },
}
