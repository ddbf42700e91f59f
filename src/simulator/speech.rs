use crate::{
    model::{Name, UnixMillis},
    protocol::{Checked, DeviceSide, Knows, Protocol, Saying},
};

/// How devices speak that play a protocol. Many share one.
#[derive(Clone, Debug)]
pub struct Speech {
    protocol: Protocol,
    /// The kinds of messages that are sent, by turns.
    messages: Box<[usize]>,
}

/// Why a protocol cannot be played so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpeechFault {
    /// Nothing says what a device sends.
    #[error(
        "protocol {0} does not say what its devices send; add [device] with send = '{{data}}', and \
         login = what it opens a connection with"
    )]
    NoDevice(String),
    /// What a device sends has no room for data.
    #[error(
        "what devices of protocol {0} send has no {{data}}; leave out --data, or add such a line \
         to send in [device]"
    )]
    NoData(String),
    /// No name of a device.
    #[error("{0:?} is no name: 1 to 64 characters from ! to ~")]
    NoName(String),
    /// The name cannot be said.
    #[error("protocol {protocol} cannot say the name {name:?}: {what}")]
    Name {
        /// The protocol.
        protocol: String,
        /// The name.
        name: String,
        /// What comes of it.
        what: String,
    },
}

impl Speech {
    /// How devices of `protocol` speak. `carrying`: whoever plays them has something to say, so
    /// that of their messages those count that hold it; otherwise the others, if there are any.
    ///
    /// # Errors
    /// The protocol does not say what is sent, or has no room for what is to be said.
    pub fn new(protocol: Protocol, carrying: bool) -> Result<Self, SpeechFault> {
        let name = || protocol.name().to_owned();
        let device = protocol.device().ok_or_else(|| SpeechFault::NoDevice(name()))?;
        let (with, without): (Vec<_>, Vec<_>) =
            (0..device.messages()).partition(|message| device.carries_data(*message));
        let messages = match carrying {
            true if with.is_empty() => return Err(SpeechFault::NoData(name())),
            true => with,
            false if without.is_empty() => with,
            false => without,
        };
        Ok(Self { protocol, messages: messages.into() })
    }

    /// Takes `text` as the name of a device if all that it opens a connection with, and its sign
    /// of life, can be said of it.
    ///
    /// # Errors
    /// What comes of it instead.
    pub fn name(&self, text: &str) -> Result<Name, SpeechFault> {
        let name = Name::new(text.as_bytes()).map_err(|_| SpeechFault::NoName(text.to_owned()))?;
        let fault = |what: String| SpeechFault::Name {
            protocol: self.protocol.name().to_owned(),
            name: text.to_owned(),
            what,
        };
        let logins = (0..self.device().map_or(0, DeviceSide::logins)).map(Saying::Login);
        let beat = self.device().and_then(DeviceSide::heartbeat_every).map(|_| Saying::Heartbeat);
        let plain = |at: &&usize| !self.device().is_some_and(|device| device.carries_data(**at));
        let message = self.messages.iter().find(plain).map(|at| Saying::Message(*at));
        for saying in logins.chain(beat).chain(message) {
            let knows = Knows { name: &name, now: UnixMillis::now(), seq: 1, payload: b"" };
            let mut sent = Vec::new();
            if !self.device().is_some_and(|device| device.write(saying, &knows, &mut sent)) {
                return Err(fault("it is not of digits".to_owned()));
            }
            let named = saying != Saying::Login(0);
            let Some(answer) = self.protocol.answer(saying, &sent, &name, named, knows.now) else {
                return Err(fault("what it sends is no frame".to_owned()));
            };
            match answer.name {
                Some(other) if other != name => {
                    return Err(fault(format!("a gateway reads it as {other}")));
                }
                _ if answer.check == Checked::Bad => {
                    return Err(fault("the checksum of what it sends is wrong".to_owned()));
                }
                _ => {}
            }
        }
        Ok(name)
    }

    /// The name of a device, or of the first one, where none is asked for.
    pub fn first_name(&self) -> Option<&str> {
        self.device().and_then(DeviceSide::name)
    }

    pub(super) fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    pub(super) fn device(&self) -> Option<&DeviceSide> {
        self.protocol.device()
    }

    /// The kind of the message with this number, counted from 0.
    pub(super) fn message(&self, number: usize) -> Saying {
        let turns = self.messages.len().max(1);
        Saying::Message(self.messages.get(number % turns).copied().unwrap_or_default())
    }
}
