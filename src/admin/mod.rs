//! The admin HTTP API and the metrics: who is here, who was, how the web servers fare, and a way to
//! let go of a device by hand.
//!
//! What holds:
//! - Nobody's page can do anything here: a request whose `Host` is not ours, or whose `Origin` is
//!   another, is refused before it is looked at; there are no CORS headers. Our own page has a cookie
//!   that no script can read and no other site's page can send.
//! - Beyond loopback nobody does anything without a token, and nothing starts without one.
//! - Every error is a problem document (RFC 9457). Every change is written to the log, with the name of
//!   the token.
//! - It runs on a thread of its own and asks the others by message, a slice at a time. However many
//!   ask, devices do not wait for them.
//!
//! | in file | what |
//! |---|---|
//! | `settings`, `tokens` | `[admin]`, and the secrets in files |
//! | `server` | the address, the routes, start and stop |
//! | `guard` | who may come in, and how answers look |
//! | `login`, `logins` | a token for a cookie, and who is logged in |
//! | `page` | the files of the dashboard, which are in `dashboard/` |
//! | `problem` | what went wrong, as a document |
//! | `house` | what the API knows of the gateway |
//! | `asking` | questions to the session threads |
//! | `gateway`, `health`, `metrics` with `gauges`, `devices`, `sessions`, `commands`, `upstreams`, `reload`, `events`, `taps`, `openapi` | the answers |
//! | `passing` | what a tap shows, as it is written |

mod asking;
mod commands;
mod devices;
mod events;
mod fault;
mod gateway;
mod gauges;
mod guard;
mod health;
mod house;
mod login;
mod logins;
mod metrics;
mod openapi;
mod page;
mod passing;
mod problem;
mod query;
mod reload;
mod server;
mod sessions;
mod settings;
mod taps;
mod tokens;
mod upstreams;

pub use fault::AdminFault;
pub use house::{
    CommandPort, Ends, Flagged, Held, House, ListenerView, Names, ThreadPort, UpstreamView,
};
pub use reload::{Changed, NotReloaded, ReloadReport, ReloadWish, Reloads};
pub use server::{Door, RunningAdmin};
pub use settings::{Access, Settings, TokenSettings};
pub use tokens::Tokens;
