//! The running parts; they meet through messages.
//!
//! | actor | one for | does |
//! |---|---|---|
//! | [`Server`] | each listener | accepts, admits or refuses, hands connections to a session thread |
//! | [`SessionHost`] | each session thread | opens sessions, carries orders to them, hands over what they gather |
//! | [`session::Session`] | each device | names, cuts, tells, writes, ends once |
//! | [`Registry`] | the process | who holds which name |
//! | [`Commander`] | the process | what becomes of commands |
//! | [`Forwarder`] | each upstream | delivers from its cursor, for ever |

mod commander;
mod directory;
mod forwarder;
mod registry;
mod server;
pub mod session;
mod settings;
mod thread;

pub use commander::{Commander, CommanderParts, MeetSessions};
pub use directory::{Directory, Outcome};
pub use forwarder::{Forwarder, ForwarderParts, Reconnect};
pub use registry::{Meet, Registry, ThreadDoor};
pub use server::{Server, ServerParts, WebServerDoor};
pub use settings::{
    DrainSettings, ListenerSettings, OnIdle, OneOrMany, PollSettings, Registration, Unregistered,
};
pub use thread::{CommandPorts, SessionHost, SessionThread, ThreadPorts, start_host};
