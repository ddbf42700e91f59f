//! What the running parts say to each other. One struct a message, named for what happened or for
//! what is asked. What crosses threads often, crosses in batches.
//!
//! | from | to | message |
//! |---|---|---|
//! | anybody | server | [`DeviceArrived`] |
//! | server | session thread | [`Open`] |
//! | session thread | registry | [`Names`], [`Census`], [`ProbeAnswered`] |
//! | registry | session thread | [`Orders`], [`TakeCensus`] |
//! | extension | session thread | [`Instruct`] |
//! | commander | session thread | [`Deliveries`] |
//! | session thread | commander | [`Progresses`], [`CameOnline`] |
//! | server | forwarder | [`WebServerArrived`] |
//! | app | server | [`Reconfigure`] |
//! | forwarder | commander | [`CommandLine`] |
//! | anybody | commander | [`Submit`], [`Cancel`], [`Look`] |
//! | admin | session thread | [`Describe`], [`Instruct`] |
//! | admin | session thread | [`Tap`] |
//! | app | any | [`Drain`], [`Drained`], [`Finish`], [`Stop`] |

mod commands;
mod describe;
mod instruct;
mod lifecycle;
mod names;
mod open;
mod polls;
mod requests;
mod taps;

pub use commands::{Awaited, CameOnline, Deliveries, Delivery, Progress, Progresses, Step};
pub use describe::{Describe, Described, Description};
pub use instruct::{Instruct, Instruction, Refused};
pub use lifecycle::{Drain, Drained, Finish, Stop};
pub use names::{
    Census, Claim, Departure, NameNews, Names, Order, OrderKind, Orders, Present, ProbeAnswered,
    TakeCensus,
};
pub use open::{Arrival, DeviceArrived, ListenerProfile, Open, Reconfigure, WebServerArrived};
pub use polls::Poll;
pub use requests::{Cancel, CommandLine, Look, Standing, Submit, Wanted};
pub use taps::{Opened, Tap, TapAnswer, TapEvent, TapFeed, TapItem, TapSink, Tapped, tap_feed};
