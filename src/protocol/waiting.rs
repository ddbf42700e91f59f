use std::{mem, ops::Range, time::Duration};

use super::{
    Fault, Malformed, Rules, Unregistered,
    cutter::{Kind, RELEASE, Step},
    packet::{Packet, Reading, Trailing, first},
};
use crate::model::Name;

/// The bytes of a session that has no name yet, as far as they could not be let go.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What waits. With `forward` it begins where a head may begin.
    held: Vec<u8>,
    /// So many of these have been let go in a silence; they stay, since the head may go on.
    given: usize,
    /// So many of these have come out and have no use any more.
    used: usize,
    /// Where in `held` the head begins, or may begin.
    head_at: usize,
    /// The present silence has been told of.
    quiet: bool,
}

/// A registration that ended.
#[derive(Debug)]
pub(super) struct Found {
    pub name: Name,
    /// What waited before the registration, then the registration.
    pub held: Vec<u8>,
    /// What of it has come out already.
    pub given: usize,
    /// Where in `held` the registration begins.
    pub at: usize,
    /// So many bytes at the front of the input, not taken yet, are the registration.
    pub ahead: usize,
    /// Where in the registration the name's ending begins.
    pub ending_at: usize,
    /// The name ended by a terminator only.
    pub terminated: bool,
    /// What may follow later and belongs to it.
    pub trailing: Trailing,
}

impl Waiting {
    /// Takes what it can from `input`.
    pub fn feed(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        self.settle();
        self.quiet &= input.is_empty();
        if input.is_empty() {
            return Step::NeedMore;
        }
        if packet.chunk {
            return self.feed_chunk(packet, rules, input);
        }
        if rules.unregistered == Unregistered::Forward
            && let Some(step) = self.let_go(packet, rules, input)
        {
            return step;
        }
        self.feed_stream(packet, rules, input)
    }

    /// Nothing came for as long as `pause_after` said.
    pub fn pause(&mut self, packet: &Packet, rules: &Rules) -> Step {
        self.settle();
        if mem::replace(&mut self.quiet, true) || packet.chunk {
            return Step::NeedMore;
        }
        let Some(body) = self.body(packet) else {
            return self.release(rules);
        };
        let fits = |body: &&[u8]| packet.gap.as_ref().is_some_and(|gap| gap.pattern.is_match(body));
        if body.is_empty() || !fits(&body) {
            return Step::NeedMore;
        }
        match Name::new(body) {
            Ok(name) => self.found(packet, name, false, Trailing::Nothing),
            Err(fault) => Step::Fault(Malformed::Name(fault).into()),
        }
    }

    /// The silence after which `pause` has something to do.
    pub fn pause_after(&self, packet: &Packet, rules: &Rules) -> Option<Duration> {
        if self.quiet || packet.chunk {
            return None;
        }
        if self.body(packet).is_some() {
            return packet.gap.as_ref().map(|gap| gap.after);
        }
        let open = rules.unregistered == Unregistered::Forward && !self.held().is_empty();
        open.then_some(RELEASE)
    }

    /// Nothing will come any more: what waits goes out without a name, or nowhere.
    pub fn finish(&mut self, rules: &Rules) -> Step {
        self.settle();
        let rest = self.held.len() - self.given;
        match self.release(rules) {
            Step::NeedMore if rest > 0 => {
                self.given = self.held.len();
                Step::Filtered(rest)
            }
            step => step,
        }
    }

    /// What went in and did not come out.
    pub fn held(&self) -> &[u8] {
        &self.held[self.given.max(self.used)..]
    }

    /// What `Step::Held` points into.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.held[range]
    }

    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        self.held.len() == self.used
    }

    /// Gives up what came out at the last step.
    fn settle(&mut self) {
        let used = mem::take(&mut self.used);
        self.held.drain(..used);
        self.given = self.given.saturating_sub(used);
    }

    /// What stands behind the head, if a whole head is there.
    fn body(&self, packet: &Packet) -> Option<&[u8]> {
        self.held.get(self.head_at..)?.strip_prefix(&packet.head[..])
    }

    fn release(&mut self, rules: &Rules) -> Step {
        if rules.unregistered != Unregistered::Forward || self.given == self.held.len() {
            return Step::NeedMore;
        }
        let range = self.given..self.held.len();
        self.given = self.held.len();
        Step::Held(Kind::Unnamed, range)
    }

    /// With `forward`: lets go what stands before a head, or before what may become one.
    fn let_go(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Option<Step> {
        let head = &packet.head[..];
        let held = self.held.len();
        if held == 0 {
            let before = first(head, input);
            return (before > 0).then(|| Step::Input(Kind::Unnamed, rules.chunk(before)));
        }
        // Enough to decide about every place in `held` where a head may begin.
        self.held.extend_from_slice(&input[..input.len().min(head.len())]);
        let before = first(head, &self.held).min(held);
        self.held.truncate(held);
        if before == 0 {
            return None;
        }
        self.used = before;
        if self.given >= before {
            return Some(Step::Again);
        }
        Some(Step::Held(Kind::Unnamed, self.given..before))
    }

    fn feed_stream(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        let all = *input;
        let before = self.held.len();
        let taken = all.len().min(most(packet, rules).saturating_sub(before));
        self.held.extend_from_slice(&all[..taken]);
        *input = &all[taken..];

        self.head_at += first(&packet.head, &self.held[self.head_at..]);
        if rules.unregistered == Unregistered::Close && self.head_at > 0 {
            return Step::Fault(Fault::Unidentified);
        }
        let reading = self.body(packet).map_or(Reading::Partial, |body| packet.read_name(body));
        match reading {
            Reading::Name { name, terminator } => {
                let ending = self.head_at + packet.head.len() + name.as_str().len();
                let end = ending + usize::from(terminator.is_some());
                let rest = &all[end - before..];
                let (more, trailing) = packet.trailing(terminator, rest);
                self.held.truncate(end);
                self.held.extend_from_slice(&rest[..more]);
                *input = &rest[more..];
                self.found(packet, name, terminator.is_some(), trailing)
            }
            Reading::Bad(fault) => Step::Fault(Malformed::Name(fault).into()),
            Reading::Partial if !input.is_empty() => Step::Fault(Fault::Unidentified),
            Reading::Partial => Step::NeedMore,
        }
    }

    fn feed_chunk(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        let chunk = &input[..rules.chunk(input.len())];
        if chunk.starts_with(&packet.head) {
            return match packet.read_chunk(chunk) {
                Ok((name, length)) => {
                    self.head_at = self.held.len();
                    let mut step = self.found(packet, name, false, Trailing::Nothing);
                    if let Step::Found(found) = &mut step {
                        found.ahead = length;
                    }
                    step
                }
                Err(fault) => Step::Fault(Malformed::Name(fault).into()),
            };
        }
        match rules.unregistered {
            Unregistered::Forward => Step::Input(Kind::Unnamed, chunk.len()),
            Unregistered::Hold if self.held.len() + chunk.len() <= rules.registration_bytes => {
                self.held.extend_from_slice(chunk);
                *input = &input[chunk.len()..];
                Step::Again
            }
            Unregistered::Hold | Unregistered::Close => Step::Fault(Fault::Unidentified),
        }
    }

    fn found(&mut self, packet: &Packet, name: Name, terminated: bool, trailing: Trailing) -> Step {
        let ending_at = packet.head.len() + name.as_str().len();
        Step::Found(Box::new(Found {
            name,
            held: mem::take(&mut self.held),
            given: mem::take(&mut self.given),
            at: mem::take(&mut self.head_at),
            ahead: 0,
            ending_at,
            terminated,
            trailing,
        }))
    }
}

/// Most bytes that may wait for the end of a registration. With `forward` a whole head always may:
/// until it is whole, it can as well be data.
fn most(packet: &Packet, rules: &Rules) -> usize {
    match rules.unregistered {
        Unregistered::Forward => rules.registration_bytes.max(packet.head.len()),
        Unregistered::Hold | Unregistered::Close => rules.registration_bytes,
    }
}
