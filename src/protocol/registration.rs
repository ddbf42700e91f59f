//! What a protocol file says of registrations.

use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

use super::{
    keys::Section,
    packet::{Gap, Packet},
};
use crate::model::Name;

const KEYS: [&str; 7] =
    ["head", "digits", "terminators", "gap", "name_pattern", "chunk", "drop_last"];

/// Longest head.
const LONGEST_HEAD: usize = 64;

/// Most memory that a compiled `name_pattern` may take.
const PATTERN_BYTES: usize = 1 << 20;

/// Reads the table `[registration]`; nothing if there is none.
pub(super) fn packet(section: &mut Section<'_, '_, '_>) -> Option<Packet> {
    section.table?;
    section.refuse_others(&KEYS, &[]);
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
