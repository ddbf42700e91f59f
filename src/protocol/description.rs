use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use toml::de::DeTable;

use super::{
    delimiters::Delimiters,
    keys::{ProtocolFault, Section, syntax},
    packet::{Gap, Packet},
};
use crate::model::{Name, NameFault, Peer};

/// How the bytes of a listener's devices are cut and who the devices are: a protocol file, checked
/// and turned into plain values. Shared by all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Protocol {
    name: String,
    /// None: a device is named by its address.
    packet: Option<Packet>,
    /// What ends a frame once the device has a name; none: each read is one.
    ends: Option<Delimiters>,
}

const ROOT: [&str; 4] = ["name", "identity", "registration", "frame"];
const ROOT_LATER: [&str; 4] = ["max_frame", "all", "rule", "command"];
const FRAME: [&str; 2] = ["stage", "until"];
const FRAME_LATER: [&str; 22] = [
    "name",
    "head",
    "skip_until",
    "skip",
    "keep",
    "min",
    "plus",
    "unless",
    "also",
    "length",
    "digits",
    "size",
    "end",
    "balanced",
    "rest",
    "tail",
    "drop_head",
    "drop_tail",
    "escape",
    "check",
    "match",
    "fields",
];
const REGISTRATION: [&str; 7] =
    ["head", "digits", "terminators", "gap", "name_pattern", "chunk", "drop_last"];

/// Longest head.
const LONGEST_HEAD: usize = 64;

/// Most memory that a compiled `name_pattern` may take.
const PATTERN_BYTES: usize = 1 << 20;

impl Protocol {
    /// Reads the protocol file `name`, whose text is `toml`; tells every fault it finds.
    pub fn parse(name: &str, toml: &str) -> Result<Self, Vec<ProtocolFault>> {
        let (root, errors) = DeTable::parse_recoverable(toml);
        if !errors.is_empty() {
            return Err(syntax(toml, name, &errors));
        }
        let mut faults = Vec::new();
        let packet = read(name, toml, root.get_ref(), &mut faults);
        let ends = frames(toml, root.get_ref(), &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { name: name.to_owned(), packet, ends })
    }

    /// The name that listeners use for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether devices are named by their address instead of a registration.
    pub fn names_by_address(&self) -> bool {
        self.packet.is_none()
    }

    /// The name of a device at `peer`, where devices are named by their address.
    pub fn name_by_address(&self, peer: &Peer) -> Option<Result<Name, NameFault>> {
        self.names_by_address().then(|| Name::new(peer.to_string().as_bytes()))
    }

    /// Whether data are cut into frames, instead of passing as they were read.
    pub fn cuts_frames(&self) -> bool {
        self.ends.is_some()
    }

    pub(super) fn ends(&self) -> Option<&Delimiters> {
        self.ends.as_ref()
    }

    pub(super) fn packet(&self) -> Option<&Packet> {
        self.packet.as_ref()
    }
}

fn read(
    name: &str,
    source: &str,
    root: &DeTable<'_>,
    faults: &mut Vec<ProtocolFault>,
) -> Option<Packet> {
    let mut section = Section { source, prefix: "", table: Some(root), faults };
    section.refuse_others(&ROOT, &ROOT_LATER);
    match section.text("name") {
        Some(written) if written != name => {
            section.fault("name", format!("is {written:?}, but the file is called {name:?}"));
        }
        None if !section.has("name") => {
            section.fault("name", format!("is missing; write {name:?}"))
        }
        _ => {}
    }
    if by_address(&mut section) {
        if section.has("registration") {
            section.fault("registration", "has no use with identity = 'address'; take one out");
        }
        return None;
    }
    if !section.has("registration") {
        let what = "is missing: say how a registration looks, or identity = 'address'";
        section.fault("registration", what);
    }
    let table = section.table("registration");
    registration(&mut Section { source, prefix: "registration.", table, faults })
}

/// What ends the frames of a device that has its name.
fn frames(source: &str, root: &DeTable<'_>, faults: &mut Vec<ProtocolFault>) -> Option<Delimiters> {
    let mut section = Section { source, prefix: "", table: Some(root), faults };
    let tables = section.tables("frame");
    if tables.len() > 1 {
        section.fault("frame", "may stand once only; several kinds of frames are not built yet");
    }
    let table = Some(*tables.first()?);
    let mut frame = Section { source, prefix: "frame.", table, faults };
    frame.refuse_others(&FRAME, &FRAME_LATER);
    if frame.text("stage") != Some("after") {
        frame.fault("stage", "must be 'after': other frames are not built yet");
    }
    let until = frame.list_of_bytes("until");
    let ends = until.and_then(Delimiters::new);
    if ends.is_none() {
        frame.fault("until", "must be a list of byte strings that end a frame, such as ['\\n']");
    }
    ends
}

fn by_address(section: &mut Section<'_, '_, '_>) -> bool {
    match section.text("identity") {
        Some("address") => true,
        None | Some("registration") => false,
        Some(_) => {
            section.fault("identity", "must be 'registration' or 'address'");
            false
        }
    }
}

fn registration(section: &mut Section<'_, '_, '_>) -> Option<Packet> {
    section.table?;
    section.refuse_others(&REGISTRATION, &[]);
    let packet = Packet {
        head: head(section),
        digits: section.count("digits", Name::LONGEST),
        terminators: section.single_bytes("terminators"),
        gap: gap(section),
        chunk: section.flag("chunk"),
        drop_last: section.flag("drop_last"),
    };
    if packet.drop_last && !packet.chunk {
        section.fault("drop_last", "works only with chunk = true, which says where the last is");
    }
    if packet.chunk && section.has("gap") {
        section.fault("gap", "has no use with chunk = true: the read ends the name");
    }
    let ends = ["digits", "terminators", "gap"].iter().any(|key| section.has(key));
    if !packet.chunk && !ends {
        let what = "never ends a name; say digits, terminators, or gap with name_pattern";
        section.fault("head", what);
    }
    Some(packet)
}

fn head(section: &mut Section<'_, '_, '_>) -> Box<[u8]> {
    if !section.has("head") {
        section.fault("head", "is missing: the bytes that open a registration");
    }
    let Some(head) = section.bytes("head") else {
        return Box::default();
    };
    if head.is_empty() || head.len() > LONGEST_HEAD {
        section.fault("head", format!("must have 1 to {LONGEST_HEAD} bytes"));
    }
    head.into()
}

fn gap(section: &mut Section<'_, '_, '_>) -> Option<Gap> {
    let after = section.span("gap");
    let pattern = section.text("name_pattern");
    match (section.has("gap"), section.has("name_pattern")) {
        (true, false) => section.fault("gap", "needs name_pattern: a silence alone cuts no name"),
        (false, true) => {
            section.fault("name_pattern", "needs gap: the silence after which it counts")
        }
        _ => {}
    }
    compile(section, after?, pattern?)
}

fn compile(section: &mut Section<'_, '_, '_>, after: Duration, pattern: &str) -> Option<Gap> {
    // On its own first: what is broken may look whole between the anchors.
    let build = |text: &str| -> Result<Regex, regex::Error> {
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).dot_matches_new_line(true).size_limit(PATTERN_BYTES).build()
    };
    match build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))) {
        Ok(pattern) => Some(Gap { after, pattern }),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default();
            section.fault("name_pattern", format!("is no byte regex: {reason}"));
            None
        }
    }
}
