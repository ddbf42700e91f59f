//! A connection that is cut by a protocol, with a look at all that must hold whatever comes. It
//! knows no socket, so that fuzzers and plain tests run the same.

use tetherd::{
    model::{Name, UnixMillis},
    protocol::{
        Cutter, Fault, Frame, Given, Heard, Item, Protocol, Registration, Replies, Rules,
        Unregistered,
    },
};

/// 2026-11-20 00:00:00 UTC.
pub const NOW: UnixMillis = UnixMillis(1_795_132_800_000);

/// What a listener asks by default.
pub const RULES: Rules = Rules {
    registration: Registration::Once,
    forward_registration: false,
    unregistered: Unregistered::Hold,
    registration_bytes: 512,
    max_frame: 64 << 10,
};

/// Longest head of a frame or a registration, and what a delimiter may still wait for.
const HEAD: usize = 128;

/// What came out.
pub enum Seen<'a> {
    Named(&'a Name),
    Data(&'a [u8]),
    Unnamed(&'a [u8]),
    /// A frame, and what is sent back.
    Frame(&'a Frame<'a>, &'a Replies),
    Filtered(usize),
    Fault(&'a Fault),
}

/// A connection.
pub struct Session<'p> {
    protocol: &'p Protocol,
    cutter: Cutter,
    pub rules: Rules,
    name: Option<Name>,
    accepted: bool,
    /// So many bytes and reads went in, and so many pieces came out.
    fed: usize,
    pieces: usize,
    failed: bool,
}

/// Whether to go on.
enum Next {
    On,
    /// The frame told the device's name.
    Named,
    Over,
}

impl<'p> Session<'p> {
    /// `name`: who the device is known to be, where its frames say so. `accepted`: whether it is
    /// let in.
    pub fn new(protocol: &'p Protocol, name: Option<&str>, accepted: bool) -> Self {
        let mut cutter = Cutter::new(protocol);
        let name = name.and_then(|name| Name::new(name.as_bytes()).ok());
        if name.is_some() {
            cutter.named();
        }
        Self { protocol, cutter, rules: RULES, name, accepted, fed: 0, pieces: 0, failed: false }
    }

    pub fn read(&mut self, mut input: &[u8], see: &mut dyn FnMut(Seen<'_>)) {
        self.fed += input.len() + 1;
        while !self.failed {
            let mut cutter = std::mem::take(&mut self.cutter);
            let next = self.look(cutter.feed(self.protocol, &self.rules, &mut input), see);
            self.go_on(cutter, &next);
            if let Next::Over = next {
                break;
            }
        }
        assert!(self.failed || input.is_empty(), "something is left of the read");
        let most = self.rules.max_frame.max(self.rules.registration_bytes) + HEAD;
        assert!(self.failed || self.held().len() <= most, "{} bytes are held", self.held().len());
    }

    /// Nothing came for as long as it takes.
    pub fn pause(&mut self, see: &mut dyn FnMut(Seen<'_>)) {
        if self.cutter.pause_after(self.protocol, &self.rules).is_none() {
            return;
        }
        self.fed += 1;
        while !self.failed {
            let mut cutter = std::mem::take(&mut self.cutter);
            let next = self.look(cutter.pause(self.protocol, &self.rules), see);
            self.go_on(cutter, &next);
            if let Next::Over = next {
                break;
            }
        }
        self.read(b"", see);
    }

    /// The device hung up.
    pub fn finish(&mut self, see: &mut dyn FnMut(Seen<'_>)) {
        self.fed += 1;
        while !self.failed {
            let mut cutter = std::mem::take(&mut self.cutter);
            let next = self.look(cutter.finish(self.protocol, &self.rules), see);
            self.go_on(cutter, &next);
            if let Next::Over = next {
                break;
            }
        }
        assert!(self.failed || self.held().is_empty(), "something is held at the end");
    }

    pub fn held(&self) -> &[u8] {
        self.cutter.held()
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    fn go_on(&mut self, cutter: Cutter, next: &Next) {
        self.cutter = cutter;
        if let Next::Named = next {
            self.cutter.named();
        }
    }

    fn look(&mut self, item: Item<'_>, see: &mut dyn FnMut(Seen<'_>)) -> Next {
        if let Item::NeedMore = item {
            return Next::Over;
        }
        self.pieces += 1;
        assert!(self.pieces <= self.fed + 8, "more pieces come out than bytes went in");
        match item {
            Item::NeedMore => {}
            Item::Named(name) => {
                see(Seen::Named(&name));
                self.name = Some(name);
            }
            Item::Data(bytes) => see(Seen::Data(bytes)),
            Item::Unnamed(bytes) => see(Seen::Unnamed(bytes)),
            Item::Filtered(count) => {
                assert!(count > 0, "nothing is filtered");
                see(Seen::Filtered(count));
            }
            Item::Fault(fault) => {
                self.failed = true;
                see(Seen::Fault(&fault));
                return Next::Over;
            }
            Item::Junk(count) => {
                assert!(count > 0, "no junk");
                see(Seen::Filtered(count));
            }
            Item::Frame(Heard::Described(frame)) => return self.look_at(&frame, see),
            Item::Frame(Heard::Coded(..)) | Item::Chosen(_) => {
                unreachable!("there is one protocol, and it is a file")
            }
        }
        Next::On
    }

    fn look_at(&mut self, frame: &Frame<'_>, see: &mut dyn FnMut(Seen<'_>)) -> Next {
        assert!(frame.bytes.len() <= self.rules.max_frame, "a frame above the longest");
        let name = frame.name().and_then(Result::ok);
        let mut replies = Replies::default();
        for accepted in [!self.accepted, self.accepted] {
            replies.clear();
            let given = Given { name: self.name.as_ref(), now: NOW, accepted };
            frame.replies(&given, &mut replies);
        }
        see(Seen::Frame(frame, &replies));
        frame.each_field(|_, _, _| {});
        let mut meaning = Vec::new();
        frame.meaning(frame.is(), frame.check(), &mut meaning);
        let members = [b"{\"x\":0", &meaning[..], b"}"].concat();
        assert!(serde_json::from_slice::<serde_json::Value>(&members).is_ok(), "{members:?}");
        if self.name.is_some() || name.is_none() || !self.accepted {
            return Next::On;
        }
        self.name = name;
        Next::Named
    }
}
