//! The words that every part of the house shares: names, sessions, endings, offsets, events.

mod close_reason;
mod command;
mod event;
mod fields;
mod flag;
mod name;
mod offset;
mod peer;
mod session;
mod slots;
mod time;

pub use close_reason::CloseReason;
pub use command::{CommandFault, CommandState};
pub use event::Event;
pub use fields::Fields;
pub use flag::FlagReason;
pub use name::{Name, NameFault};
pub use offset::Offset;
pub use peer::Peer;
pub use session::{Seat, SessionId};
pub use slots::Slots;
pub use time::UnixMillis;
