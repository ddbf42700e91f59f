//! What the played gateway has to tell.

use bytes::{Bytes, BytesMut};

use crate::{
    link::{Encoder, Encoding, Format, Gap, Hello},
    model::{CloseReason, Event, Offset, SessionId, UnixMillis},
    spool::DropReason,
};

/// Names of the played devices; the last needs escapes in JSON.
const NAMES: [&str; 4] = ["860000000000001", "860000000000002", "860000000000003", r#"pump"7\"#];
const PEER: &str = "10.1.2.3:40112";

/// The lines of one trial, in order, each with its offset. The data are the numbers from 1 on, so
/// that whoever stored them can tell from count and sum whether each is there once.
pub(super) struct Script {
    gateway: String,
    spool: String,
    encoder: Encoder,
    next: Offset,
    sessions: [SessionId; 4],
    sequence: [u64; 4],
    numbers: u64,
    lines: Vec<(Offset, Bytes)>,
}

impl Script {
    /// A gateway with a name of its own, so that the web server remembers nothing about it.
    pub(super) fn new(now: UnixMillis, encoding: Encoding) -> Self {
        let first = Offset(now.0 * 1000 + u64::from(std::process::id() % 1000));
        Self {
            gateway: format!("tetherd-test-{first}"),
            spool: format!("{:016x}", first.0),
            encoder: Encoder::new(Format::JsonLines, encoding),
            next: first,
            sessions: NAMES.map(|_| SessionId::next()),
            sequence: [0; 4],
            numbers: 0,
            lines: Vec::new(),
        }
    }

    /// The gateway's name.
    pub(super) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// How many data events there are; they hold the numbers from 1 to this.
    pub(super) fn numbers(&self) -> u64 {
        self.numbers
    }

    /// All lines so far.
    pub(super) fn lines(&self) -> &[(Offset, Bytes)] {
        &self.lines
    }

    /// The last offset so far.
    pub(super) fn last(&self) -> Offset {
        self.lines.last().map_or(self.next.before(), |(offset, _)| *offset)
    }

    /// The first line of a link that goes on with `next`.
    pub(super) fn hello(&mut self, next: Offset, out: &mut BytesMut) {
        let hello = Hello { gateway: &self.gateway, spool: &self.spool, next };
        self.encoder.hello(&hello, out);
    }

    /// The gateway starts; the devices have new sessions.
    pub(super) fn started(&mut self, clean: bool) {
        self.sessions = NAMES.map(|_| SessionId::next());
        self.sequence = [0; 4];
        self.event(&Event::Started { time: UnixMillis::now(), clean });
    }

    /// A device comes.
    pub(super) fn online(&mut self, device: usize) {
        let (name, session) = self.device(device);
        let time = UnixMillis::now();
        self.event(&Event::Online { name, session, time, peer: PEER, connections: 4 });
    }

    /// A device is silent.
    pub(super) fn idle(&mut self, device: usize) {
        let (name, session) = self.device(device);
        self.event(&Event::Idle { name, session, time: UnixMillis::now(), connections: 4 });
    }

    /// A device goes.
    pub(super) fn offline(&mut self, device: usize) {
        let (name, session) = self.device(device);
        self.event(&Event::Offline {
            name,
            session,
            time: UnixMillis::now(),
            reason: CloseReason::PeerClosed,
            received_bytes: 100,
            sent_bytes: 0,
            connections: 3,
        });
    }

    /// A device sends the next number.
    pub(super) fn data(&mut self, device: usize) {
        self.data_of(device, 0);
    }

    /// A device sends the next number behind so many spaces that there are `width` bytes.
    pub(super) fn data_of(&mut self, device: usize, width: usize) {
        let (name, session) = self.device(device);
        self.numbers += 1;
        self.sequence[device % NAMES.len()] += 1;
        let number = self.numbers.to_string();
        let text = " ".repeat(width.saturating_sub(number.len())) + &number;
        self.event(&Event::Data {
            name,
            session,
            seq: self.sequence[device % NAMES.len()],
            time: UnixMillis::now(),
            peer: PEER,
            connections: 4,
            data: text.as_bytes(),
            meaning: b"",
        });
    }

    /// Offsets are missing: `skipped` of them, which hold `events` events.
    pub(super) fn gap(&mut self, skipped: u64, events: u64, reason: DropReason) {
        let from = self.next;
        let to = from.plus(skipped.max(1) - 1);
        let mut out = BytesMut::new();
        self.encoder.gap(&Gap { from, to, events, reason }, &mut out);
        self.next = to;
        self.push(out);
    }

    /// An event that today's web servers do not know.
    pub(super) fn unknown_event(&mut self) {
        let line = format!(
            "{{\"offset\":{},\"event\":\"later\",\"what\":{{\"nobody\":[\"knows\",null]}}}}\n",
            self.next
        );
        self.push(BytesMut::from(line.as_bytes()));
    }

    /// Gives the last line a key that today's web servers do not know.
    pub(super) fn add_unknown_key(&mut self) {
        let Some((_, line)) = self.lines.last_mut() else { return };
        let Some(open) = line.strip_suffix(b"}\n") else { return };
        *line = [open, b",\"later\":{\"data\":[1,\"}\"]}}\n"].concat().into();
    }

    fn device(&self, device: usize) -> (&'static str, SessionId) {
        (NAMES[device % NAMES.len()], self.sessions[device % NAMES.len()])
    }

    fn event(&mut self, event: &Event<'_>) {
        let mut out = BytesMut::new();
        self.encoder.event(self.next, event, &mut out);
        self.encoder.acknowledged(self.next);
        self.push(out);
    }

    fn push(&mut self, line: BytesMut) {
        self.lines.push((self.next, line.freeze()));
        self.next = self.next.plus(1);
    }
}
