/// What a listener asks of the sessions behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How often a device says who it is.
    pub registration: Registration,
    /// Whether the registration itself is delivered as data, too.
    pub forward_registration: bool,
    /// What happens to bytes before the name is known.
    pub unregistered: Unregistered,
    /// Most bytes before the name is known; with [`Unregistered::Forward`], most bytes of one
    /// registration, since what stands before it is not kept.
    pub registration_bytes: usize,
    /// Most bytes of one chunk. A longer read is split, never refused. Zero counts as one. A
    /// registration, and what was held back as the beginning of one, comes in one piece even so.
    pub max_frame: usize,
}

/// How often a device says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// At the beginning; all that follows is data, whatever it looks like.
    Once,
    /// In front of each packet.
    Every,
}

/// What happens to bytes before the name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// They wait, and are delivered under the name.
    Hold,
    /// They are delivered without a name.
    Forward,
    /// They end the session.
    Close,
}

impl Rules {
    /// How much of `available` bytes one chunk may take.
    pub(super) fn chunk(&self, available: usize) -> usize {
        available.min(self.max_frame.max(1))
    }
}
