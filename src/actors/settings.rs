use serde::{Deserialize, Serialize};

use crate::{
    limits::Duplicate,
    net::KeepaliveSettings,
    units::{Auto, Rate, Size, Span},
};

/// `[listener.<name>]`: an address where devices connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListenerSettings {
    /// `false` leaves it out.
    pub enabled: bool,
    /// `host:port`, `[::]:port` or `unix:/path`.
    pub address: String,
    /// How bytes are cut and names are found: `etung`, `raw`, or a file in `protocols/`.
    pub protocol: OneOrMany,
    /// Most connections at a time; `auto`: the descriptor limit less a reserve.
    pub max_connections: Auto,
    /// Connections that the kernel keeps ready for us, at most `net.core.somaxconn`.
    pub backlog: u32,
    /// A device has so long to say who it is.
    pub registration_timeout: Span,
    /// Most bytes before the name is known.
    pub registration_bytes: Size,
    /// Whether the registration packet stands once or before each packet.
    pub registration: Registration,
    /// Whether the registration packet itself goes upstream as data.
    pub forward_registration: bool,
    /// What happens to bytes that come before the name.
    pub unregistered: Unregistered,
    /// What happens when a name is taken.
    pub duplicate: Duplicate,
    /// How often one name may be taken over; above it the oldest wins for a minute.
    pub takeover_limit: Rate,
    /// A name that comes more often than this is flagged; `0/h`: none is.
    pub flapping: Rate,
    /// Silence after which a device counts as idle; `0s`: never.
    pub idle_timeout: Span,
    /// What follows then.
    pub on_idle: OnIdle,
    /// When the kernel asks a silent peer whether it is still there.
    pub keepalive: KeepaliveSettings,
    /// How long bytes may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub user_timeout: Span,
    /// Longest piece of data that is passed on as one event.
    pub max_frame: Size,
    /// Most bytes waiting for a device that does not read.
    pub outbound_limit: Size,
    /// How long an ending session may take to write what it holds.
    pub farewell: Span,
}

/// `[poll.<name>]`: what devices are asked at intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PollSettings {
    /// `false` leaves it out.
    pub enabled: bool,
    /// The listeners whose devices are asked; none named: all of them.
    pub listener: Vec<String>,
    /// The names of devices that are asked; `*` stands for anything, `?` for one character.
    pub devices: OneOrMany,
    /// From one question to the next; each device has its own moment in it.
    pub every: Span,
    /// Bytes in hexadecimal, with pieces in braces.
    pub send: String,
    /// How long an answer is waited for.
    pub timeout: Span,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listener: Vec::new(),
            devices: OneOrMany::One("*".to_owned()),
            every: Span::seconds(60),
            send: String::new(),
            timeout: Span::seconds(5),
        }
    }
}

/// A word, or a list of words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Where the registration packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Once, first.
    Once,
    /// Before each packet.
    Every,
}

/// What happens to bytes that come before the name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unregistered {
    /// They wait for the name, up to `registration_bytes`.
    Hold,
    /// They go upstream under the name `unknown`.
    Forward,
    /// The session ends as `unidentified`.
    Close,
}

/// What follows when a device has been silent for `idle_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnIdle {
    /// The session ends as `idle`.
    Close,
    /// The upstream is told once, and the session stays.
    Notify,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            address: String::new(),
            protocol: OneOrMany::One("etung".to_owned()),
            max_connections: Auto::Auto,
            backlog: 4096,
            registration_timeout: Span::seconds(30),
            registration_bytes: Size(512),
            registration: Registration::Once,
            forward_registration: false,
            unregistered: Unregistered::Hold,
            duplicate: Duplicate::Takeover,
            takeover_limit: Rate::per_minute(5),
            flapping: Rate::per_hour(30),
            idle_timeout: Span::seconds(600),
            on_idle: OnIdle::Close,
            keepalive: KeepaliveSettings {
                idle: Span::seconds(60),
                interval: Span::seconds(15),
                probes: 4,
            },
            user_timeout: Span::seconds(120),
            max_frame: Size::kib(64),
            outbound_limit: Size::kib(64),
            farewell: Span::seconds(5),
        }
    }
}

/// `[drain]`: how the process lets go of its devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DrainSettings {
    /// Sessions are closed at random moments within this time, so that they do not all come back
    /// at once.
    pub spread: Span,
    /// How long the upstreams may take afterwards to acknowledge what is left.
    pub flush: Span,
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self { spread: Span::seconds(30), flush: Span::seconds(10) }
    }
}
