use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    net::KeepaliveSettings,
    spool::{Start, WhenBehind},
    units::{Size, Span},
};

/// `[upstream.<name>]`: a web server that gets everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpstreamSettings {
    /// `false` leaves it out.
    pub enabled: bool,
    /// The kind of link.
    #[serde(rename = "type")]
    pub kind: LinkType,
    /// Who connects to whom.
    pub mode: Mode,
    /// Where to (`dial`), or where we listen (`accept`): `host:port` or `unix:/path`.
    pub address: String,
    /// With `http`, where events are posted to.
    pub url: Option<String>,
    /// In `accept` mode, the device listener on which the web server connects instead.
    pub listener: Option<String>,
    /// In `accept` mode, the addresses that may be the web server; empty: any.
    pub from: Vec<std::net::IpAddr>,
    /// In `accept` mode, the secret that the web server's first line must hold; with `http`, what
    /// `Authorization: Bearer` says.
    pub token: Option<String>,
    /// With `http`, a file that holds the token, read anew for each link.
    pub token_file: Option<PathBuf>,
    /// With `http`, further headers of each request; their values are secrets.
    pub headers: BTreeMap<String, String>,
    /// How an event is written.
    pub format: Format,
    /// How a device's bytes are written.
    pub encoding: Encoding,
    /// Whether the web server acknowledges.
    pub ack: bool,
    /// Most bytes sent and not acknowledged.
    pub window: Size,
    /// Nothing acknowledged for so long: the link is made anew.
    pub ack_timeout: Span,
    /// With `http`, most bytes of events in a request. A single event above it still goes, alone.
    pub batch_bytes: Size,
    /// With `http`, most events in a request.
    pub batch_events: u32,
    /// With `http`, how long the first event of a request may wait for others.
    pub linger: Span,
    /// With `http`, how long an answer may take, from the request's first byte to its own last.
    pub timeout: Span,
    /// Pauses between tries.
    pub retry: RetrySettings,
    /// When the kernel asks a silent web server whether it is still there.
    pub keepalive: KeepaliveSettings,
    /// What happens when the web server falls behind.
    pub when_behind: WhenBehind,
    /// With `skip`: most bytes that may wait for it.
    pub max_lag: Size,
    /// Where a new upstream begins.
    pub start: Start,
}

/// Kinds of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkType {
    /// A TCP connection, or a Unix socket.
    Tcp,
    /// Batches by HTTP POST.
    Http,
}

/// Who connects to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// We connect to the web server.
    Dial,
    /// The web server connects to us.
    Accept,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// One JSON object a line, all events, with offsets.
    #[serde(rename = "json-lines")]
    JsonLines,
    /// With `http`, the same objects as one JSON array a request.
    #[serde(rename = "json-array")]
    JsonArray,
    /// What Node's `JSON.stringify({data, connections, imei})` writes, data only.
    #[serde(rename = "node")]
    Node,
}

/// How a device's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// RFC 4648 section 4, with padding.
    Base64,
    /// Lower-case hex.
    Hex,
    /// UTF-8; invalid bytes become U+FFFD, a split character waits for its rest.
    Text,
    /// As Node writes a `Buffer`: `{"type":"Buffer","data":[1,2]}`.
    Buffer,
}

/// Pauses between tries: doubling from `initial` to `max`, each drawn at random from zero up
/// ("full jitter"), for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetrySettings {
    /// Bound of the first pause.
    pub initial: Span,
    /// Bound of every pause.
    pub max: Span,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { initial: Span::millis(200), max: Span::seconds(30) }
    }
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            kind: LinkType::Tcp,
            mode: Mode::Dial,
            address: String::new(),
            url: None,
            listener: None,
            from: Vec::new(),
            token: None,
            token_file: None,
            headers: BTreeMap::new(),
            format: Format::JsonLines,
            encoding: Encoding::Base64,
            ack: true,
            window: Size::mib(8),
            ack_timeout: Span::seconds(60),
            batch_bytes: Size::kib(256),
            batch_events: 1000,
            linger: Span::millis(10),
            timeout: Span::seconds(30),
            retry: RetrySettings::default(),
            keepalive: KeepaliveSettings {
                idle: Span::seconds(10),
                interval: Span::seconds(5),
                probes: 3,
            },
            when_behind: WhenBehind::Hold,
            max_lag: Size(10 << 30),
            start: Start::Now,
        }
    }
}

impl UpstreamSettings {
    /// Where the web server is, for people: a URL without its query, which may hold a secret.
    pub fn place(&self) -> &str {
        match self.kind {
            LinkType::Tcp => &self.address,
            LinkType::Http => {
                let url = self.url.as_deref().unwrap_or_default();
                url.split(['?', '#']).next().unwrap_or_default()
            }
        }
    }
}
