use super::{end, field, naming::Naming};
use crate::protocol::{
    check::Check,
    frame::{Escape, Shape, Stage, Xor},
    keys::{Section, nearest},
    literal,
    pattern::Groups,
    region::Region,
    sum,
    word::Word,
};

/// The keys of a `[[frame]]`.
pub(super) const KEYS: [&str; 27] = [
    "name",
    "stage",
    "head",
    "skip",
    "skip_until",
    "until",
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
    "or_pause",
    "tail",
    "drop_head",
    "drop_tail",
    "escape",
    "escape_xor",
    "flag",
    "check",
    "match",
    "fields",
];
const CHECK: [&str; 5] = ["sum", "over", "at", "endian", "as"];
const XOR: [&str; 3] = ["byte", "xor", "markers"];

/// Most patterns of a frame.
const MOST_PATTERNS: usize = 16;

/// Most bytes dropped at an end.
const MOST_DROPPED: usize = 4096;

/// Reads one `[[frame]]`; `bit` will stand for it.
pub(super) fn shape(
    section: &mut Section<'_, '_, '_>,
    bit: u64,
    naming: &mut Naming,
) -> Option<Shape> {
    section.refuse_others(&KEYS, &[]);
    let stages = [("any", Stage::Any), ("first", Stage::First), ("after", Stage::After)];
    let patterns = patterns(section);
    let head = end::read_head(section);
    let ends = end::end(section);
    let fields = field::fields(section, &patterns, naming);
    let id = naming.find("id");
    let id = fields.iter().position(|field| Some(field.name) == id).map(|at| at as u8);
    let tail = section.bytes("tail").filter(|tail| !tail.is_empty());
    let shape = Shape {
        name: section.text("name").unwrap_or_default().into(),
        bit,
        stage: section.word("stage", &stages).unwrap_or(Stage::Any),
        head,
        tail: tail.map(Word::new),
        or_pause: section.flag("or_pause"),
        drop_head: section.size("drop_head", MOST_DROPPED).unwrap_or(0),
        drop_tail: section.size("drop_tail", MOST_DROPPED).unwrap_or(0),
        escape: escape(section),
        check: check(section),
        patterns,
        fields,
        id,
        said: None,
        // Stands in where the end is at fault.
        end: crate::protocol::frame::End::Rest,
        also: Box::default(),
    };
    for key in ["skip", "skip_until"] {
        let bytes = section.list_of_bytes(key);
        let sound = bytes.is_some_and(|all| all.iter().all(|one| !one.is_empty()));
        if section.has(key) && !sound {
            section.fault(key, "must be a byte string, or a list of them");
        }
    }
    let (end, also) = ends?;
    Some(Shape { end, also, ..shape })
}

fn patterns(section: &mut Section<'_, '_, '_>) -> Box<[Groups]> {
    if !section.has("match") {
        return Box::default();
    }
    let Some(texts) = section.list_of_texts("match") else {
        section.fault("match", "must be a byte pattern, or a list of them");
        return Box::default();
    };
    if texts.len() > MOST_PATTERNS {
        section.fault("match", format!("has more than {MOST_PATTERNS} patterns"));
    }
    let mut all = Vec::new();
    for text in texts.into_iter().take(MOST_PATTERNS) {
        match Groups::new(text) {
            Ok(groups) => all.push(groups),
            Err(what) => section.fault("match", format!("{text:?} is no byte pattern: {what}")),
        }
    }
    all.into()
}

fn escape(section: &mut Section<'_, '_, '_>) -> Option<Escape> {
    if !section.has("escape") && !section.has("escape_xor") {
        return None;
    }
    let mut pairs = Vec::new();
    let table = section.table("escape");
    let mut below = section.below("escape", table);
    for (key, value) in below.entries() {
        let plain = value.as_str().map(literal::bytes);
        match (literal::bytes(key), plain) {
            (Ok(wire), Some(Ok(plain))) if !wire.is_empty() && !plain.is_empty() => {
                pairs.push((wire.into_boxed_slice(), plain.into_boxed_slice()));
            }
            _ => below.fault(key, "must be bytes on the wire, and bytes that they stand for"),
        }
    }
    // Of two that begin alike the longer one counts.
    pairs.sort_by_key(|(wire, _)| std::cmp::Reverse(wire.len()));
    let xor = escape_xor(section);
    let flag = section.size("flag", 16).unwrap_or(1);
    Some(Escape::new(pairs, xor, flag))
}

fn escape_xor(section: &mut Section<'_, '_, '_>) -> Option<Xor> {
    let table = section.table("escape_xor")?;
    let mut xor = section.below("escape_xor", Some(table));
    xor.refuse_others(&XOR, &[]);
    let byte = xor.bytes("byte");
    let markers = xor.single_bytes("markers");
    let mask = xor.size("xor", 255);
    match (byte.as_deref(), mask) {
        (Some([byte]), Some(mask)) => {
            Some(Xor { byte: *byte, mask: mask as u8, markers: markers.into() })
        }
        _ => {
            xor.fault("byte", "must be one byte, with xor: the mask for the byte behind it");
            None
        }
    }
}

fn check(section: &mut Section<'_, '_, '_>) -> Option<Check> {
    let table = section.table("check")?;
    let mut check = section.below("check", Some(table));
    check.refuse_others(&CHECK, &[]);
    let name = check.text("sum");
    let sum = name.and_then(sum::find);
    if let (Some(name), None) = (name, &sum) {
        let known: Vec<&str> = sum::names().collect();
        let near = nearest(name, known.iter()).map(|near| format!("; did you mean {near:?}?"));
        check.fault("sum", format!("{name:?} is no checksum{}", near.unwrap_or_default()));
    }
    let over = check.text("over").map(Region::parse);
    if matches!(over, Some(None)) {
        check.fault("over", "must be a part of the frame, such as '2..-4'");
    }
    for key in ["sum", "over", "at"] {
        if !check.has(key) {
            check.fault(key, "is missing: sum = which one, over = of what, at = where it stands");
        }
    }
    let digits = match (check.text("as"), &sum) {
        (None, _) => None,
        (Some("X2" | "x2" | "hexdigits"), Some(sum)) => Some(2 * sum.width()),
        (Some(form), _) => {
            let width = form.strip_prefix(['X', 'x']).and_then(|width| width.parse().ok());
            if width.is_none() {
                check.fault("as", "must be 'X2', 'X4' and the like for hexadecimal digits");
            }
            width
        }
    };
    let at = check.place("at");
    let little = end::little(&mut check);
    Some(Check { sum: sum?, name: name?.into(), over: over??, at: at?, little, digits })
}
