//! Runs a conversation in code over what a connection sends.

use std::{sync::Arc, time::Duration};

use super::{Code, Conversation, Cut, Fault, Heard, Item, Malformed, Reading};

/// How long nothing comes before code is asked to decide.
const GAP: Duration = Duration::from_millis(200);

/// One connection whose protocol is code.
#[derive(Debug)]
pub(super) struct Coded {
    code: Arc<dyn Code>,
    conversation: Box<dyn Conversation>,
    /// What was read and not yet cut.
    held: Vec<u8>,
    /// So many of these have come out.
    used: usize,
    /// The frame that was told last.
    reading: Box<Reading>,
    /// A pause may change something.
    waits: bool,
    fault: Option<Fault>,
}

impl Coded {
    pub fn new(code: &Arc<dyn Code>) -> Self {
        Self {
            code: Arc::clone(code),
            conversation: code.open(),
            held: Vec::new(),
            used: 0,
            reading: Box::default(),
            waits: false,
            fault: None,
        }
    }

    pub fn feed(&mut self, limit: usize, input: &mut &[u8]) -> Item<'_> {
        if !input.is_empty() {
            self.held.drain(..self.used);
            self.used = 0;
            self.held.extend_from_slice(input);
            *input = &[];
        }
        self.cut(limit, false)
    }

    pub fn pause_after(&self) -> Option<Duration> {
        (self.waits && self.fault.is_none()).then_some(GAP)
    }

    pub fn pause(&mut self, limit: usize) -> Item<'_> {
        self.cut(limit, true)
    }

    /// What is left belongs to no frame, unless code says so when it hears that nothing comes.
    pub fn finish(&mut self, limit: usize) -> Item<'_> {
        if self.held().is_empty() || self.waits {
            return self.cut(limit, true);
        }
        let rest = self.held().len();
        self.used = self.held.len();
        Item::Junk(rest)
    }

    pub fn held(&self) -> &[u8] {
        &self.held[self.used..]
    }

    fn cut(&mut self, limit: usize, quiet: bool) -> Item<'_> {
        if let Some(fault) = &self.fault {
            return Item::Fault(fault.clone());
        }
        if self.held().is_empty() {
            (self.held, self.used) = (Vec::new(), 0);
            self.waits = false;
            return Item::NeedMore;
        }
        let front = &self.held[self.used..];
        let front = &front[..front.len().min(limit.saturating_add(1))];
        let (cut, most) = (self.conversation.cut(front, quiet), front.len());
        self.waits = cut == Cut::More && !quiet;
        match cut {
            Cut::More if most > limit => self.fail(Fault::FrameTooLong),
            Cut::More => Item::NeedMore,
            Cut::Junk(count) if (1..=most).contains(&count) => {
                self.used += count;
                Item::Junk(count)
            }
            Cut::Frame(count, _) if count > limit => self.fail(Fault::FrameTooLong),
            Cut::Frame(count, reading) if (1..=most).contains(&count) => {
                self.used += count;
                self.reading = reading;
                Item::Frame(Heard::Coded(&self.reading, self.code.as_ref()))
            }
            Cut::Junk(_) | Cut::Frame(..) | Cut::Broken => {
                self.fail(Fault::Malformed(Malformed::Frame))
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Item<'_> {
        self.fault = Some(fault.clone());
        Item::Fault(fault)
    }
}
