//! A gateway that is played: no devices, no spool, and links that break on purpose.

use std::{fmt, future::poll_fn, io, time::Duration};

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, UnixListener},
    time::{Instant, sleep, timeout_at},
};

use super::{TestArgs, script::Script};
use crate::{
    link::{
        CONNECT_TIMEOUT, Complaint, Inbound, Item, Link, LinkFault, LinkFaultKind, TOKEN_TIMEOUT,
        UpstreamSettings, adopt_tcp, adopt_unix, await_token, dial,
    },
    model::Offset,
    net::Address,
};

/// Who connects to whom.
pub(super) enum Way {
    Dial(Address),
    AcceptTcp(TcpListener, Option<String>),
    AcceptUnix(UnixListener, Option<String>),
}

impl Way {
    pub(super) async fn new(args: &TestArgs) -> io::Result<Self> {
        let token = args.token.clone();
        Ok(match &args.address {
            address if !args.accept => Self::Dial(address.clone()),
            Address::Tcp { host, port } => {
                Self::AcceptTcp(TcpListener::bind((host.as_str(), *port)).await?, token)
            }
            Address::Unix(path) => Self::AcceptUnix(UnixListener::bind(path)?, token),
        })
    }

    async fn connect(&self) -> Result<Box<dyn Link>, LinkFault> {
        let keepalive = UpstreamSettings::default().keepalive;
        let broken = |error: io::Error| LinkFault::from_io("accept", &error);
        match self {
            Self::Dial(address) => dial(address, &keepalive, CONNECT_TIMEOUT).await,
            Self::AcceptTcp(listener, token) => {
                let (mut stream, peer) = listener.accept().await.map_err(broken)?;
                let early = handshake(&mut stream, token.as_deref(), &peer.to_string()).await?;
                let link = adopt_tcp(stream, &keepalive).map_err(broken)?;
                Ok(Box::new(link.with_early(early)))
            }
            Self::AcceptUnix(listener, token) => {
                let (mut stream, _) = listener.accept().await.map_err(broken)?;
                let early = handshake(&mut stream, token.as_deref(), "unix").await?;
                Ok(Box::new(adopt_unix(stream, "unix").with_early(early)))
            }
        }
    }
}

async fn handshake(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    token: Option<&str>,
    peer: &str,
) -> Result<Vec<u8>, LinkFault> {
    match token {
        Some(token) => await_token(stream, token, peer, TOKEN_TIMEOUT).await,
        None => Ok(Vec::new()),
    }
}

/// What kept a check from passing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The acknowledgement did not come in time.
    Silence { awaited: Offset, heard: Option<Offset>, patience: Duration },
    /// The link broke, or there was none.
    Link(LinkFault),
    /// What must not be acknowledged was.
    TooEarly { acknowledged: Offset, had: Option<Offset> },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence { awaited, heard: None, patience } => {
                write!(f, "no acknowledgement came within {patience:?}, {awaited} was awaited")
            }
            Self::Silence { awaited, heard: Some(heard), patience } => write!(
                f,
                "{heard} was the last acknowledgement within {patience:?}, {awaited} was awaited"
            ),
            Self::Link(fault) => write!(f, "{}", fault.to_string().escape_debug()),
            Self::TooEarly { acknowledged, had: Some(had) } => write!(
                f,
                "{acknowledged} was acknowledged when {had} was the last that it had whole"
            ),
            Self::TooEarly { acknowledged, had: None } => {
                write!(f, "{acknowledged} was acknowledged before anything was sent")
            }
        }
    }
}

/// A live link with what is on its way over it.
struct Line {
    link: Box<dyn Link>,
    out: BytesMut,
    inbound: Inbound,
    /// Highest acknowledgement on this link.
    heard: Option<Offset>,
    /// Lines of the script sent on this link end before this one.
    sent: usize,
}

/// The played gateway.
pub(super) struct Gateway {
    way: Way,
    /// What it tells.
    pub(super) script: Script,
    patience: Duration,
    reconnect: Duration,
    line: Option<Line>,
    /// Highest offset that was acknowledged, and could be.
    acknowledged: Option<Offset>,
    /// Something was never acknowledged.
    gave_up: bool,
    /// Highest offset whose line was sent whole, on whichever link.
    whole: Option<Offset>,
    /// The first acknowledgement of what was not sent.
    too_early: Option<Trouble>,
    /// The first line that is none.
    strange: Option<Complaint>,
}

impl Gateway {
    pub(super) fn new(way: Way, script: Script, args: &TestArgs) -> Self {
        Self {
            way,
            script,
            patience: args.patience.get(),
            reconnect: args.reconnect.get(),
            line: None,
            acknowledged: None,
            gave_up: false,
            whole: None,
            too_early: None,
            strange: None,
        }
    }

    /// The first acknowledgement of what was not sent.
    pub(super) fn too_early(&self) -> Option<&Trouble> {
        self.too_early.as_ref()
    }

    /// The first line from the web server that cannot be understood.
    pub(super) fn strange(&self) -> Option<&Complaint> {
        self.strange.as_ref()
    }

    /// Whether the web server has said of every event that it is safe.
    pub(super) fn is_settled(&self) -> bool {
        !self.gave_up && self.acknowledged >= Some(self.script.last())
    }

    /// Passes over what is not acknowledged, so that the next checks stand for themselves.
    pub(super) fn give_up(&mut self) {
        self.gave_up |= !self.is_settled();
        self.acknowledged = Some(self.script.last());
        self.whole = self.whole.max(self.acknowledged);
    }

    /// Makes a new link, says hello, and goes on behind the last acknowledgement. The first time,
    /// dialling is tried once only.
    pub(super) async fn connect(&mut self) -> Result<(), Trouble> {
        self.line = None;
        let (patience, again) = match &self.way {
            Way::Dial(_) => (self.patience, self.whole.is_some()),
            _ => (self.reconnect, true),
        };
        let deadline = Instant::now() + patience;
        let mut fault = LinkFault::new(LinkFaultKind::TimedOut, "a web server", "none connected");
        let link = loop {
            match timeout_at(deadline, self.way.connect()).await {
                Ok(Ok(link)) => break link,
                Ok(Err(latest)) => fault = latest,
                Err(_) => return Err(Trouble::Link(fault)),
            }
            if !again {
                return Err(Trouble::Link(fault));
            }
            sleep(Duration::from_millis(100)).await;
        };
        let lines = self.script.lines();
        let sent = lines.partition_point(|(offset, _)| Some(*offset) <= self.acknowledged);
        let next = lines.get(sent).map_or(self.script.last().plus(1), |(offset, _)| *offset);
        let mut out = BytesMut::new();
        self.script.hello(next, &mut out);
        self.line = Some(Line { link, out, inbound: Inbound::new(), heard: None, sent });
        Ok(())
    }

    /// Drops the link without a word.
    pub(super) fn hang_up(&mut self) {
        self.line = None;
    }

    /// Begins again so many lines before the one that comes next.
    pub(super) fn step_back(&mut self, lines: usize) {
        if let Some(line) = &mut self.line {
            line.sent = line.sent.saturating_sub(lines);
        }
    }

    /// Sends every line that this link has not sent, and waits until the last is acknowledged.
    pub(super) async fn deliver(&mut self) -> Result<(), Trouble> {
        self.queue(usize::MAX);
        self.await_acknowledgement(self.script.last()).await
    }

    /// The same, a few bytes at a time.
    pub(super) async fn deliver_in_pieces(&mut self) -> Result<(), Trouble> {
        self.queue(usize::MAX);
        let whole = self.line()?.out.split();
        for piece in whole.chunks(7) {
            self.line()?.out.extend_from_slice(piece);
            self.flush().await?;
            // Long enough for the kernel to make a packet of its own of it.
            sleep(Duration::from_micros(200)).await;
        }
        self.await_acknowledgement(self.script.last()).await
    }

    /// Sends every line but half of the last, ends the link, and listens for what comes then.
    pub(super) async fn deliver_but_half(&mut self) -> Result<(), Trouble> {
        let (last, half) = match self.script.lines() {
            [.., before, (_, line)] => (before.0, line.slice(..line.len() / 2)),
            _ => return Ok(()),
        };
        let innocent = self.too_early.is_none();
        self.queue(self.script.lines().len() - 1);
        self.line()?.out.extend_from_slice(&half);
        self.await_acknowledgement(last).await?;
        self.flush().await?;
        let line = self.line()?;
        poll_fn(|cx| line.link.poll_finish(cx)).await.map_err(Trouble::Link)?;
        let deadline = Instant::now() + Duration::from_secs(1).min(self.patience);
        while let Ok(true) = self.exchange(deadline).await {}
        self.line = None;
        match &self.too_early {
            Some(Trouble::TooEarly { acknowledged, had }) if innocent => {
                Err(Trouble::TooEarly { acknowledged: *acknowledged, had: *had })
            }
            _ => Ok(()),
        }
    }

    /// Sends a line that is no event.
    pub(super) fn interject(&mut self, text: &str) {
        if let Some(line) = &mut self.line {
            line.out.extend_from_slice(text.as_bytes());
        }
    }

    fn line(&mut self) -> Result<&mut Line, Trouble> {
        let gone = || LinkFault::new(LinkFaultKind::Other, "upstream test", "there is no link");
        self.line.as_mut().ok_or_else(|| Trouble::Link(gone()))
    }

    /// Puts the lines up to number `end` into the link.
    fn queue(&mut self, end: usize) {
        let Some(line) = &mut self.line else { return };
        let lines = self.script.lines();
        let end = end.min(lines.len());
        for (offset, bytes) in lines.get(line.sent..end).unwrap_or_default() {
            line.out.extend_from_slice(bytes);
            self.whole = self.whole.max(Some(*offset));
        }
        line.sent = line.sent.max(end);
    }

    async fn await_acknowledgement(&mut self, awaited: Offset) -> Result<(), Trouble> {
        let patience = self.patience;
        let deadline = Instant::now() + patience;
        while self.line()?.heard < Some(awaited) {
            if !self.exchange(deadline).await? {
                let heard = self.line()?.heard;
                return Err(Trouble::Silence { awaited, heard, patience });
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Trouble> {
        let patience = self.patience;
        let deadline = Instant::now() + patience;
        while !self.line()?.out.is_empty() {
            if !self.exchange(deadline).await? {
                let detail = "it does not read what is sent".to_owned();
                let peer = self.line()?.link.peer().to_owned();
                return Err(Trouble::Link(LinkFault::new(LinkFaultKind::TimedOut, peer, detail)));
            }
        }
        Ok(())
    }

    /// Lets something move; `false` if nothing did before `deadline`.
    async fn exchange(&mut self, deadline: Instant) -> Result<bool, Trouble> {
        let mut inbox = Vec::new();
        let line = self.line()?;
        let moved = poll_fn(|cx| line.link.poll_exchange(cx, &mut line.out, &mut inbox));
        match timeout_at(deadline, moved).await {
            Err(_) => return Ok(false),
            Ok(moved) => moved.map_err(Trouble::Link)?,
        };
        let mut bytes = &inbox[..];
        while let Some(item) = self.line()?.inbound.next(&mut bytes) {
            self.take(item);
        }
        Ok(true)
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Ack(offset) if Some(offset) > self.whole => {
                let had = self.whole;
                self.too_early.get_or_insert(Trouble::TooEarly { acknowledged: offset, had });
            }
            Item::Ack(offset) => {
                self.acknowledged = self.acknowledged.max(Some(offset));
                if let Some(line) = &mut self.line {
                    line.heard = line.heard.max(Some(offset));
                }
            }
            Item::NotUnderstood(complaint) | Item::TooLong(complaint) => {
                self.strange.get_or_insert(complaint);
            }
            Item::Command(_) | Item::Cancel(_) | Item::Token | Item::Ours => {}
        }
    }
}
