//! Batches of events by HTTP POST, as a link like the others: lines go in, acknowledgements and
//! commands come out.
//!
//! One request is on its way at a time, so that order and acknowledgement stay simple. A 2xx
//! acknowledges every event of its request. A 4xx means that the request holds an event which the
//! web server refuses: it is cut in half until the event stands alone. Anything else breaks the link,
//! and whoever drives it waits and begins anew at the first event that is not acknowledged.
//!
//! A link begins with one event in a request and doubles with each 2xx, so that an event which was
//! refused stands alone again behind a pause, and a web server that comes back is not flooded.

mod answer;
mod batch;
mod connection;
mod link;
mod size;
mod target;
mod tls;
mod way;

pub use link::HttpLink;
pub use target::{Target, TargetFault};
pub use way::is_our_header;
