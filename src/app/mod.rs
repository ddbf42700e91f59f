//! The composition root: builds the parts from the configuration, wires, starts and drains them.
//! The only place that knows all of them.
//!
//! | in file | what |
//! |---|---|
//! | `gateway` | the running gateway, for those who start it |
//! | `binding` | addresses taken before anything runs |
//! | `assembly` | settings to parts, parts to actors, ports wired |
//! | `admin`, `names` | the admin API over the parts that run |
//! | `exits` | endings of infrastructure, and which of them end the process |
//! | `surroundings` | what the machine gives: network, spool, chance |
//! | `listening` | one listener, from bound to accepting |
//! | `running` | what runs of listeners and upstreams |
//! | `reload` | another configuration while it runs |
//! | `threads` | the session threads |
//! | `watching` | the health of all threads, and of the traffic |
//! | `profile` | a listener's settings as working values |
//! | `lifecycle` | the phases of a stop, each with a deadline |
//! | `process`, `systemd` | signals, log, panics, the service manager: what only the program does, and no library |

mod admin;
mod assembly;
mod binding;
mod controls;
mod exits;
mod fault;
mod gateway;
mod lifecycle;
mod listening;
mod names;
pub mod process;
mod profile;
mod reload;
mod running;
mod spooling;
mod surroundings;
mod systemd;
mod threads;
mod watching;

pub use fault::StartFault;
pub use gateway::{Gateway, GatewayBuilder, Snapshot};
pub use lifecycle::{Ended, Phase};
pub use reload::Reloaded;
