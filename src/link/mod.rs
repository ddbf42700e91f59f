//! The way to the web server: how events are written, how its lines are read, what is delivered,
//! and the connection itself. Retry, batching and the cursor are driven from outside; nothing here
//! waits on its own.

mod answers;
mod delivery;
mod dial;
mod encode;
mod fault;
mod http;
mod inbound;
mod settings;
mod stream;
mod tcp;
mod token;

use std::task::{Context, Poll};

use bytes::BytesMut;

pub use answers::ErrorAnswers;
pub use delivery::{Acknowledged, Delivery, DeliverySettings, Setback};
pub use dial::{ByAddress, Dial, Dialling};
pub use encode::{Encoder, Gap, Hello};
pub use fault::{LinkFault, LinkFaultKind};
pub use http::{HttpLink, Target, TargetFault, is_our_header};
pub use inbound::{Complaint, Inbound, InboundCounts, Item};
pub use settings::{Encoding, Format, LinkType, Mode, RetrySettings, UpstreamSettings};
pub use stream::{Meter, StreamLink};
pub use tcp::{CONNECT_TIMEOUT, adopt_tcp, adopt_unix, dial};
pub use token::{TOKEN_TIMEOUT, are_equal, await_token};

/// How far an exchange went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes taken from the front of `out`.
    pub sent: usize,
    /// Bytes put behind what `inbox` held.
    pub received: usize,
}

/// One live connection to a web server.
pub trait Link: Send {
    /// Moves bytes both ways as far as they go: `out` to the web server, and what comes from it,
    /// bounded for each call, behind what `inbox` holds.
    ///
    /// Ready when anything moved, or the link broke; call it again before waiting for something
    /// else, since only [`Poll::Pending`] arranges to be woken. What came in before the link broke
    /// is handed over first. A web server that closes its side has closed the link.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BytesMut,
        inbox: &mut Vec<u8>,
    ) -> Poll<Result<Moved, LinkFault>>;

    /// Says that nothing more follows, once everything is written. The other direction stays open:
    /// go on with [`Link::poll_exchange`] for the last acknowledgements.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkFault>>;

    /// How many of the bytes written the peer's TCP has not acknowledged, where the kernel tells.
    fn unacknowledged(&self) -> Option<usize>;

    /// Who is at the other end.
    fn peer(&self) -> &str;
}
