use std::time::Duration;

use super::{naming::Naming, template::template};
use crate::protocol::{
    DeviceSide, Vocabulary,
    device::Heartbeat,
    keys::Section,
    template::{Format, Piece, Template},
};

const KEYS: [&str; 6] = ["name", "login", "send", "heartbeat", "every", "plain"];

/// Most templates of a kind.
const MOST: usize = 16;

/// How often a heartbeat is sent where nothing else is said.
const EVERY: Duration = Duration::from_secs(60);

/// Reads `[device]` of the protocol file at `root`; none if there is none.
pub(in crate::protocol) fn device_side(
    root: &mut Section<'_, '_, '_>,
    vocabulary: Option<&Vocabulary>,
) -> Option<DeviceSide> {
    let table = root.table("device")?;
    let mut section = root.below("device", Some(table));
    section.refuse_others(&KEYS, &[]);
    let mut shapes = vocabulary.into_iter().flat_map(|known| &known.shapes);
    let escape = shapes.find_map(|shape| shape.escape.clone());
    let plain = section.flag("plain");
    let heartbeat = templates(&mut section, "heartbeat").pop();
    let every = section.span("every");
    if section.has("every") && heartbeat.is_none() {
        section.fault("every", "has no use without heartbeat, which says what is sent so often");
    }
    let send = templates(&mut section, "send");
    if !section.has("send") {
        section.fault("send", "is missing: what a message looks like, such as '{data}'");
    }
    Some(DeviceSide {
        name: section.text("name").map(Into::into),
        login: templates(&mut section, "login").into(),
        send: send.into(),
        heartbeat: heartbeat.map(|says| Heartbeat { says, every: every.unwrap_or(EVERY) }),
        escape: escape.filter(|_| !plain),
    })
}

fn templates(section: &mut Section<'_, '_, '_>, key: &str) -> Vec<Template> {
    if !section.has(key) {
        return Vec::new();
    }
    let Some(texts) = section.list_of_texts(key) else {
        section.fault(key, "must be what is sent, or a list of it");
        return Vec::new();
    };
    let most = if key == "heartbeat" { 1 } else { MOST };
    if texts.is_empty() || texts.len() > most {
        section.fault(key, format!("must be what is sent: from 1 to {most} of it"));
    }
    // A device knows these without a frame of somebody else.
    let mut naming = Naming::default();
    naming.number("id");
    let seq = naming.number("seq");
    let mut all = Vec::new();
    for text in texts {
        match template(text, &naming).and_then(|read| without_frame(read, seq)) {
            Ok(template) => all.push(template),
            Err(what) => section.fault(key, what),
        }
    }
    all
}

/// `template` with the number of what is sent in the place of the field `seq`.
fn without_frame(template: Template, seq: Option<u8>) -> Result<Template, String> {
    let decimal = Format::Digits { base: 10, upper: false, width: 0 };
    let each = template.0.into_iter().map(|piece| match piece {
        Piece::Field { name, format, .. } if Some(name) == seq => {
            Ok(Piece::Seq(format.unwrap_or(decimal)))
        }
        Piece::Frame(_) | Piece::Tally { .. } | Piece::Sum { of_frame: true, .. } => {
            Err("looks at a frame, and a device that sends has got none".to_owned())
        }
        piece => Ok(piece),
    });
    Ok(Template(each.collect::<Result<_, _>>()?))
}
