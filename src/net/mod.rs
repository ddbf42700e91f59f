//! Sockets: listening, accepting, options, and what the kernel knows of a connection.

mod accept_fault;
mod address;
mod bells;
mod connection;
mod descriptors;
mod keepalive;
pub mod kernel;
mod listener;
pub mod options;
mod readiness;
mod stream;

pub use accept_fault::sort_accept_fault;
pub use address::{Address, AddressFault};
pub use connection::Connection;
pub use descriptors::raise_descriptor_limit;
pub use keepalive::KeepaliveSettings;
pub use listener::{Accepted, BindFault, Listener};
pub use readiness::{Readiness, Ready};
pub use stream::{Socket, Stream};
