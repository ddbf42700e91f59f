use super::{condition::conditions, naming::Naming, template::template};
use crate::protocol::{
    frame::Shape,
    keys::{Section, nearest},
    rule::{Kind, Rule},
    template::Template,
};

const KEYS: [&str; 7] = ["frame", "when", "is", "reply", "refuse", "anonymous", "plain"];

/// Most replies to one frame.
const MOST_REPLIES: usize = 8;

/// Reads one `[[rule]]`.
pub(super) fn rule(
    section: &mut Section<'_, '_, '_>,
    shapes: &[Shape],
    naming: &mut Naming,
) -> Option<Rule> {
    section.refuse_others(&KEYS, &[]);
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind));
    Some(Rule {
        shapes: bits(section, shapes),
        when: conditions(section, naming),
        is: section.word("is", &kinds).unwrap_or_default(),
        replies: templates(section, "reply", naming),
        refusals: templates(section, "refuse", naming),
        anonymous: section.flag("anonymous"),
        plain: section.flag("plain"),
    })
}

fn bits(section: &mut Section<'_, '_, '_>, shapes: &[Shape]) -> u64 {
    if !section.has("frame") {
        return u64::MAX;
    }
    let Some(names) = section.list_of_texts("frame") else {
        section.fault("frame", "must be the name of a [[frame]], or a list of them");
        return 0;
    };
    let mut bits = 0;
    for name in names {
        let called = shapes.iter().filter(|shape| *shape.name == *name);
        let found = called.fold(0, |bits, shape| bits | shape.bit);
        if found == 0 {
            let known: Vec<&str> = shapes.iter().map(|shape| &*shape.name).collect();
            let near = nearest(name, known.iter()).map(|near| format!("; did you mean {near:?}?"));
            let near = near.unwrap_or_default();
            section.fault("frame", format!("there is no frame with name = {name:?}{near}"));
        }
        bits |= found;
    }
    bits
}

fn templates(section: &mut Section<'_, '_, '_>, key: &str, naming: &Naming) -> Box<[Template]> {
    if !section.has(key) {
        return Box::default();
    }
    let Some(texts) = section.list_of_texts(key) else {
        section.fault(key, "must be what is sent, or a list of it");
        return Box::default();
    };
    if texts.len() > MOST_REPLIES {
        section.fault(key, format!("has more than {MOST_REPLIES} replies"));
    }
    let mut all = Vec::new();
    for text in texts {
        match template(text, naming) {
            Ok(template) => all.push(template),
            Err(what) => section.fault(key, what),
        }
    }
    all.into()
}
