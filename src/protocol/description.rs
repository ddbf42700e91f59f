use std::sync::Arc;

use toml::de::DeTable;

use super::{
    Code, Codes, Conduct, DeviceSide, Vocabulary, compile,
    keys::{ProtocolFault, Section, syntax},
    packet::Packet,
    registration,
};
use crate::model::{Name, NameFault, Peer};

/// How the bytes of a listener's devices are cut and who the devices are: a protocol file, checked
/// and turned into plain values. Shared by all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Protocol {
    name: String,
    identity: Identity,
    /// None: each read is a piece of data.
    vocabulary: Option<Box<Vocabulary>>,
    /// None: the file does not say what a device sends.
    device: Option<Box<DeviceSide>>,
    code: Option<Calling>,
}

/// The code that a protocol file calls.
#[derive(Clone, Debug)]
struct Calling {
    name: String,
    /// Once it was plugged in.
    code: Option<Arc<dyn Code>>,
}

/// What names a device.
#[derive(Clone, Debug)]
enum Identity {
    Registration(Packet),
    Address,
    Frames,
}

/// What a protocol file says names a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Registration,
    Address,
    Frame,
}

const KEYS: [&str; 5] = ["name", "identity", "registration", "code", "device"];

impl Protocol {
    /// Reads the protocol file `name`, whose text is `toml`; tells every fault it finds.
    pub fn parse(name: &str, toml: &str) -> Result<Self, Vec<ProtocolFault>> {
        let (root, errors) = DeTable::parse_recoverable(toml);
        if !errors.is_empty() {
            return Err(syntax(toml, name, &errors));
        }
        let mut faults = Vec::new();
        let mut section = Section::root(toml, root.get_ref(), &mut faults);
        let code = section.text("code").map(str::to_owned);
        let (identity, vocabulary) = read(name, &mut section);
        let device = compile::device_side(&mut section, vocabulary.as_ref()).map(Box::new);
        match identity {
            Some(identity) if faults.is_empty() => {
                let vocabulary = vocabulary.map(Box::new);
                let code = code.map(|name| Calling { name, code: None });
                Ok(Self { name: name.to_owned(), identity, vocabulary, device, code })
            }
            _ => Err(faults),
        }
    }

    /// The name that listeners use for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether devices are named by their address instead of what they say.
    pub fn names_by_address(&self) -> bool {
        matches!(self.identity, Identity::Address)
    }

    /// Whether devices are named by their frames instead of a registration in front of them.
    pub fn names_by_frames(&self) -> bool {
        matches!(self.identity, Identity::Frames)
    }

    /// The name of a device at `peer`, where devices are named by their address.
    pub fn name_by_address(&self, peer: &Peer) -> Option<Result<Name, NameFault>> {
        self.names_by_address().then(|| Name::new(peer.to_string().as_bytes()))
    }

    /// Whether data are cut into frames, instead of passing as they were read.
    pub fn cuts_frames(&self) -> bool {
        self.vocabulary.is_some() || self.code.is_some()
    }

    /// The code that it calls.
    pub fn calls(&self) -> Option<&str> {
        self.code.as_ref().map(|calling| calling.name.as_str())
    }

    /// The code that it calls and that was not plugged in.
    pub fn missing_code(&self) -> Option<&str> {
        let calling = self.code.as_ref()?;
        calling.code.is_none().then_some(calling.name.as_str())
    }

    /// Plugs in the code that it calls, if it is among `codes`.
    pub fn plug_in(&mut self, codes: &Codes) {
        if let Some(calling) = &mut self.code {
            calling.code = codes.get(&calling.name).cloned();
        }
    }

    /// What a session does with frames beyond delivering them.
    pub fn conduct(&self) -> Conduct {
        self.vocabulary().map(Vocabulary::conduct).unwrap_or_default()
    }

    /// Whether devices are answered.
    pub fn replies(&self) -> bool {
        self.code.is_some() || self.vocabulary().is_some_and(Vocabulary::replies)
    }

    pub(super) fn code(&self) -> Option<&Arc<dyn Code>> {
        self.code.as_ref()?.code.as_ref()
    }

    /// What it says of frames; none where data pass as they were read.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_deref()
    }

    /// What a device sends; none where the file does not say.
    pub fn device(&self) -> Option<&DeviceSide> {
        self.device.as_deref()
    }

    pub(super) fn packet(&self) -> Option<&Packet> {
        match &self.identity {
            Identity::Registration(packet) => Some(packet),
            Identity::Address | Identity::Frames => None,
        }
    }
}

fn read(name: &str, section: &mut Section<'_, '_, '_>) -> (Option<Identity>, Option<Vocabulary>) {
    let known: Vec<&str> = KEYS.iter().chain(&compile::KEYS).copied().collect();
    section.refuse_others(&known, &[]);
    match section.text("name") {
        Some(written) if written != name => {
            section.fault("name", format!("is {written:?}, but the file is called {name:?}"));
        }
        None if !section.has("name") => {
            section.fault("name", format!("is missing; write {name:?}"))
        }
        _ => {}
    }
    let identity = identity(section);
    let vocabulary = compile::vocabulary(section);
    let many = vocabulary.as_ref().is_some_and(|vocabulary| vocabulary.conduct().many);
    if many && !matches!(identity, Some(Identity::Frames)) {
        let what = "needs frames that name devices: a field id, and no registration";
        section.fault("many", what);
    }
    if section.has("code") && section.has("frame") {
        let what =
            "does not go with [[frame]]: either code cuts what devices send, or the file says how";
        section.fault("code", what);
    }
    if matches!(identity, Some(Identity::Frames))
        && !section.has("code")
        && !vocabulary.as_ref().is_some_and(Vocabulary::names_devices)
    {
        let what = "is missing: nothing names a device. Say how a registration looks, give a \
                    frame a field id, or write identity = 'address'";
        section.fault("registration", what);
    }
    (identity, vocabulary)
}

fn identity(section: &mut Section<'_, '_, '_>) -> Option<Identity> {
    let words =
        [("registration", Said::Registration), ("address", Said::Address), ("frame", Said::Frame)];
    let said = section.word("identity", &words);
    let registers = section.has("registration");
    match said {
        Some(Said::Address | Said::Frame) if registers => {
            let word = if said == Some(Said::Address) { "address" } else { "frame" };
            let what = format!("has no use with identity = '{word}'; take one out");
            section.fault("registration", what);
            None
        }
        Some(Said::Address) => Some(Identity::Address),
        Some(Said::Frame) => Some(Identity::Frames),
        None if !registers && (section.has("frame") || section.has("code")) => {
            Some(Identity::Frames)
        }
        Some(Said::Registration) | None => {
            if !registers {
                let what = "is missing: say how a registration looks, or identity = 'address'";
                section.fault("registration", what);
            }
            let table = section.table("registration");
            let mut below = section.below("registration", table);
            registration::packet(&mut below).map(Identity::Registration)
        }
    }
}
