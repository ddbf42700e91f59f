//! What a protocol file says of frames, turned into plain values, with every fault in its place.

mod condition;
mod device;
mod end;
mod field;
mod frame;
mod head;
mod naming;
mod rule;
mod template;

use std::time::Duration;

pub(super) use device::device_side;
use naming::Naming;

use super::{
    OnBadChecksum, ReplyWhen, Vocabulary,
    byteset::ByteSet,
    frame::{Said, Shape},
    keys::Section,
    vocabulary::{Conduct, Envelope, MOST_SHAPES},
};
use crate::units::Size;

/// The keys of a protocol file that are read here.
pub(super) const KEYS: [&str; 10] = [
    "max_frame",
    "gap",
    "many",
    "on_bad_checksum",
    "reply_when",
    "heartbeats",
    "all",
    "frame",
    "rule",
    "command",
];

const COMMAND: [&str; 2] = ["wrap", "plain"];

/// How long nothing comes before what can be decided is decided.
const GAP: Duration = Duration::from_millis(200);

/// Most rules of a protocol.
const MOST_RULES: usize = 256;

/// Reads what is sent to a device of any protocol; tells what is wrong with it.
pub(super) fn request(text: &str) -> Result<super::template::Template, String> {
    template::template(text, &Naming::default())
}

/// Reads what the protocol file at `root` says of frames; none if it says nothing of them.
pub(super) fn vocabulary(root: &mut Section<'_, '_, '_>) -> Option<Vocabulary> {
    if !root.has("frame") {
        for key in KEYS.iter().filter(|key| **key != "frame") {
            if root.has(key) {
                root.fault(key, "has no use without [[frame]], which says how data are cut");
            }
        }
        return None;
    }
    let mut naming = Naming::default();
    let mut shapes = shapes(root, &mut naming);
    let rules = rules(root, &shapes, &mut naming);
    let (id, kind, seq) = (naming.find("id"), naming.find("type"), naming.find("seq"));
    let escape = shapes.iter().find_map(|shape| shape.escape.clone());
    let command = command(root, escape, &naming);
    let (skip, skip_until) = skips(root);
    let skips = !skip.is_empty() || !skip_until.is_empty();
    if !skips {
        shapes.iter_mut().for_each(|shape| shape.said = Said::of(shape));
    }
    Some(Vocabulary {
        firsts: firsts(&shapes),
        skips,
        skip,
        skip_until,
        id,
        kind,
        seq,
        rules,
        command,
        max_frame: max_frame(root).unwrap_or(usize::MAX),
        gap: root.span("gap").unwrap_or(GAP),
        conduct: conduct(root),
        names: naming.all.into(),
        shapes: shapes.into(),
    })
}

fn shapes(root: &mut Section<'_, '_, '_>, naming: &mut Naming) -> Vec<Shape> {
    let all = root.table("all");
    if let Some(table) = all {
        root.below("all", Some(table)).refuse_others(&frame::KEYS, &[]);
    }
    let tables = root.tables("frame");
    if tables.is_empty() || tables.len() > MOST_SHAPES {
        root.fault("frame", format!("must have 1 to {MOST_SHAPES} tables"));
        return Vec::new();
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let mut section = root.below(&format!("frame[{}]", at + 1), Some(table));
        section.defaults = all;
        let bit = 1 << at;
        shapes.extend(frame::shape(&mut section, bit, naming));
    }
    shapes
}

fn rules(
    root: &mut Section<'_, '_, '_>,
    shapes: &[Shape],
    naming: &mut Naming,
) -> Box<[super::rule::Rule]> {
    let tables = root.tables("rule");
    if tables.len() > MOST_RULES {
        root.fault("rule", format!("stands more than {MOST_RULES} times"));
    }
    let numbered = tables.into_iter().enumerate();
    let read = numbered.filter_map(|(at, table)| {
        let mut section = root.below(&format!("rule[{}]", at + 1), Some(table));
        rule::rule(&mut section, shapes, naming)
    });
    read.collect()
}

fn command(
    root: &mut Section<'_, '_, '_>,
    escape: Option<super::frame::Escape>,
    naming: &Naming,
) -> Option<Envelope> {
    let table = root.table("command")?;
    let mut section = root.below("command", Some(table));
    section.refuse_others(&COMMAND, &[]);
    let escape = escape.filter(|_| !section.flag("plain"));
    let text = section.text("wrap");
    if !section.has("wrap") {
        section.fault("wrap", "is missing: what stands around {data}");
    }
    match template::template(text?, naming) {
        Ok(template) => Some(Envelope { template, escape }),
        Err(what) => {
            section.fault("wrap", what);
            None
        }
    }
}

fn conduct(root: &mut Section<'_, '_, '_>) -> Conduct {
    let on_bad_checksum = [
        ("forward", OnBadChecksum::Forward),
        ("drop", OnBadChecksum::Drop),
        ("close", OnBadChecksum::Close),
    ];
    let reply_when = [("durable", ReplyWhen::Durable), ("received", ReplyWhen::Received)];
    let heartbeats = [("forward", false), ("drop", true)];
    Conduct {
        many: root.flag("many"),
        on_bad_checksum: root.word("on_bad_checksum", &on_bad_checksum).unwrap_or_default(),
        reply_when: root.word("reply_when", &reply_when),
        drop_heartbeats: root.word("heartbeats", &heartbeats).unwrap_or_default(),
    }
}

fn max_frame(root: &mut Section<'_, '_, '_>) -> Option<usize> {
    let value = root.value("max_frame")?;
    let bytes = match value.as_str() {
        Some(text) => text.parse::<Size>().ok().map(Size::bytes),
        None => super::keys::number(value).and_then(|bytes| usize::try_from(bytes).ok()),
    };
    let bytes = bytes.filter(|bytes| (1..=1 << 20).contains(bytes));
    if bytes.is_none() {
        root.fault("max_frame", "must be a size from 1 byte to 1 MiB, such as '4KiB' or 4096");
    }
    bytes
}

/// What is dropped in front of frames: it is not known yet which kind of frame comes, so that it
/// holds for all of them.
fn skips(root: &mut Section<'_, '_, '_>) -> (ByteSet, Box<[Box<[u8]>]>) {
    let (mut skip, mut until) = (ByteSet::default(), Vec::new());
    let tables = root.tables("frame").into_iter().chain(root.table("all"));
    for table in tables {
        let section = root.below("frame", Some(table));
        section.list_of_bytes("skip").into_iter().flatten().for_each(|bytes| {
            skip.join(&ByteSet::of(&bytes));
        });
        until.extend(section.list_of_bytes("skip_until").into_iter().flatten());
    }
    until.dedup();
    (skip, until.into_iter().map(Vec::into_boxed_slice).collect())
}

fn firsts(shapes: &[Shape]) -> Box<[[u64; 256]; 2]> {
    let mut firsts = Box::new([[0; 256]; 2]);
    for shape in shapes {
        let known = shape.head.firsts();
        for byte in (0..=u8::MAX).filter(|byte| known.has(*byte)) {
            for named in [false, true] {
                if shape.may_come(named) {
                    firsts[usize::from(named)][usize::from(byte)] |= shape.bit;
                }
            }
        }
    }
    firsts
}
