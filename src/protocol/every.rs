use std::{mem, ops::Range};

use super::{
    Malformed, Rules,
    cutter::{Kind, Step},
    packet::{Packet, Reading, Trailing, first},
    waiting::Found,
};
use crate::model::Name;

/// A named session whose packets each begin with the registration.
#[derive(Debug)]
pub(super) struct Every {
    /// Head and own name.
    own: Box<[u8]>,
    /// What followed the name the first time. A device that used no terminator then uses none
    /// later: what looks like one is data.
    ending: Vec<u8>,
    /// The name needs a terminator.
    terminated: bool,
    /// What may still follow the first registration.
    trailing: Trailing,
    /// The beginning of what may be a packet.
    held: Vec<u8>,
    /// So many of these have come out.
    used: usize,
    /// What comes next is the start of a read, or stands directly behind a registration.
    fresh: bool,
}

/// What stands at the front of some bytes.
enum Front {
    /// So many bytes of data.
    Data(usize),
    /// The own registration, of so many bytes.
    Own(usize),
    /// Another name's registration.
    Other(Name),
    /// That cannot be said yet.
    Open,
}

/// Whether a registration ends behind head and name.
enum End {
    Yes(usize),
    No,
    Open,
}

impl Every {
    pub fn new(packet: &Packet, found: &Found, trailing: Trailing) -> Self {
        let own = [&packet.head[..], found.name.as_str().as_bytes()].concat().into();
        let registration = &found.held[found.at..];
        Self {
            own,
            ending: registration.get(found.ending_at..).unwrap_or_default().to_vec(),
            terminated: found.terminated,
            trailing,
            held: Vec::new(),
            used: 0,
            fresh: true,
        }
    }

    pub fn feed(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        self.settle();
        if input.is_empty() && self.held.is_empty() {
            self.fresh = true;
            return Step::NeedMore;
        }
        if packet.chunk {
            return self.feed_chunk(packet, rules, input);
        }
        if self.trailing != Trailing::Nothing && !input.is_empty() {
            let (length, more) = packet.late(self.trailing, input);
            self.trailing = more;
            self.ending.extend_from_slice(&input[..length]);
            return if length > 0 { Step::Skip(length) } else { Step::Again };
        }
        if self.held.is_empty() {
            return self.feed_input(packet, rules, input);
        }
        self.feed_held(packet, rules, input)
    }

    /// Nothing came for a while: what waits is let go.
    pub fn pause(&mut self, packet: &Packet, rules: &Rules) -> Step {
        self.settle();
        self.trailing = Trailing::Nothing;
        if self.held.is_empty() {
            return Step::NeedMore;
        }
        self.used = self.held.len();
        self.fresh = true;
        let whole = self.held.strip_prefix(&self.own[..]).is_some_and(|rest| {
            !self.terminated || rest.first().is_some_and(|byte| packet.is_terminator(*byte))
        });
        if whole && !rules.forward_registration {
            return Step::Filtered(self.used);
        }
        Step::Held(Kind::Data, 0..self.used)
    }

    pub fn is_trailing(&self) -> bool {
        self.trailing != Trailing::Nothing
    }

    /// What went in and did not come out.
    pub fn held(&self) -> &[u8] {
        &self.held[self.used..]
    }

    /// What `Step::Held` points into.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.held[range]
    }

    /// Gives up what came out at the last step, and its memory with it.
    fn settle(&mut self) {
        let used = mem::take(&mut self.used);
        if used > 0 {
            self.held = self.held[used..].to_vec();
        }
    }

    fn feed_input(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        match self.front(packet, input) {
            Front::Data(length) => {
                self.fresh = false;
                Step::Input(Kind::Data, rules.chunk(length))
            }
            Front::Own(length) => {
                self.fresh = true;
                own(rules, length)
            }
            Front::Other(name) => Step::Fault(Malformed::OtherName(name).into()),
            Front::Open => {
                self.held = input.to_vec();
                *input = &[];
                Step::NeedMore
            }
        }
    }

    fn feed_held(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        let before = self.held.len();
        // Enough to decide about the first byte held, whatever it is the beginning of.
        let reach = packet.head.len() + Name::LONGEST + self.ending.len() + 2;
        let taken = input.len().min(reach);
        self.held.extend_from_slice(&input[..taken]);
        match self.front(packet, &self.held) {
            Front::Data(length) => {
                self.held.truncate(before);
                self.used = length.min(before);
                // The start of the read that `input` is, if all that was held is gone.
                self.fresh = length >= before;
                Step::Held(Kind::Data, 0..self.used)
            }
            Front::Own(length) => {
                self.held.truncate(length.max(before));
                *input = &input[length.saturating_sub(before)..];
                self.used = length;
                self.fresh = true;
                if rules.forward_registration {
                    Step::Held(Kind::Data, 0..length)
                } else {
                    Step::Filtered(length)
                }
            }
            Front::Other(name) => {
                self.held.truncate(before);
                Step::Fault(Malformed::OtherName(name).into())
            }
            Front::Open => {
                *input = &input[taken..];
                Step::NeedMore
            }
        }
    }

    /// Each read is a packet of its own, or belongs to the one before.
    fn feed_chunk(&mut self, packet: &Packet, rules: &Rules, input: &[u8]) -> Step {
        let chunk = &input[..rules.chunk(input.len())];
        if !mem::replace(&mut self.fresh, false) || !chunk.starts_with(&packet.head) {
            return Step::Input(Kind::Data, chunk.len());
        }
        match packet.read_chunk(chunk) {
            Ok((name, _)) if !self.is_own(&packet.head, &name) => {
                Step::Fault(Malformed::OtherName(name).into())
            }
            Ok((_, length)) if !rules.forward_registration => Step::Skip(length),
            Ok(_) | Err(_) => Step::Input(Kind::Data, chunk.len()),
        }
    }

    /// What stands at the front of `bytes`, which are not empty.
    fn front(&self, packet: &Packet, bytes: &[u8]) -> Front {
        if self.fresh
            && let Some(front) = self.opening(packet, bytes)
        {
            return front;
        }
        let mut at = 0;
        while at < bytes.len() {
            at += first(&self.own, &bytes[at..]);
            let Some(rest) = bytes[at..].strip_prefix(&self.own[..]) else {
                break;
            };
            match self.end(packet, rest) {
                End::Yes(length) if at == 0 => return Front::Own(self.own.len() + length),
                End::Open if at == 0 => return Front::Open,
                End::Yes(_) | End::Open => return Front::Data(at),
                End::No => at += 1,
            }
        }
        if at == 0 { Front::Open } else { Front::Data(at) }
    }

    /// What stands where a packet may begin; none if it is no registration.
    fn opening(&self, packet: &Packet, bytes: &[u8]) -> Option<Front> {
        if let Some(rest) = bytes.strip_prefix(&self.own[..]) {
            match self.end(packet, rest) {
                End::Yes(length) => return Some(Front::Own(self.own.len() + length)),
                End::Open => return Some(Front::Open),
                End::No => {}
            }
        }
        let Some(body) = bytes.strip_prefix(&packet.head[..]) else {
            return packet.head.starts_with(bytes).then_some(Front::Open);
        };
        match packet.read_name(body) {
            Reading::Name { name, .. } => Some(Front::Other(name)),
            Reading::Partial => Some(Front::Open),
            Reading::Bad(_) => None,
        }
    }

    /// Whether a registration ends with the beginning of `rest`, which stands behind the name.
    fn end(&self, packet: &Packet, rest: &[u8]) -> End {
        if !self.ending.is_empty() {
            if rest.starts_with(&self.ending) {
                return End::Yes(self.ending.len());
            }
            if self.ending.starts_with(rest) {
                return End::Open;
            }
        }
        match rest.first() {
            _ if !self.terminated => End::Yes(0),
            None => End::Open,
            Some(_) => match packet.terminator_length(rest) {
                0 => End::No,
                length => End::Yes(length),
            },
        }
    }

    fn is_own(&self, head: &[u8], name: &Name) -> bool {
        self.own.strip_prefix(head) == Some(name.as_str().as_bytes())
    }
}

fn own(rules: &Rules, length: usize) -> Step {
    if rules.forward_registration { Step::Input(Kind::Data, length) } else { Step::Skip(length) }
}
