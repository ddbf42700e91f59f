use toml::de::DeTable;

use super::{
    condition::conditions,
    naming::{Naming, RESERVED, is_name},
};
use crate::protocol::{
    field::{Coding, Condition, Extent, Field, Finish, MOST, Place, Way, integer_size},
    keys::Section,
    literal,
    pattern::Groups,
};

const KEYS: [&str; 17] = [
    "at", "len", "to", "prefix", "until", "re", "of", "join", "as", "when", "else", "drop", "keep",
    "zpad", "strip0", "luhn", "map",
];
const PLACES: [&str; 4] = ["at", "re", "of", "join"];
const EXTENTS: [&str; 4] = ["len", "to", "prefix", "until"];
const MAP: [&str; 5] = ["and", "shift", "or", "div", "add"];

/// Most ways to find a field.
const MOST_WAYS: usize = 16;

/// Longest field of a fixed size.
const LONGEST: usize = 1 << 16;

/// Reads the fields of a frame, whose patterns are known: those that are written, and the groups
/// of the patterns.
pub(super) fn fields(
    section: &mut Section<'_, '_, '_>,
    patterns: &[Groups],
    naming: &mut Naming,
) -> Box<[Field]> {
    let table = section.table("fields");
    let shared = section.defaults.and_then(|all| table_of(all, "fields"));
    let mut below = section.below("fields", table);
    below.defaults = shared;
    let mut written: Vec<&str> = below.entries().map(|(name, _)| name).collect();
    for (name, _) in shared.into_iter().flatten() {
        let name: &str = name.get_ref();
        if !written.contains(&name) {
            written.push(name);
        }
    }
    let grouped: Vec<&str> = patterns.iter().flat_map(Groups::names).collect();
    // Conditions may name any of them.
    for name in written.iter().copied().chain(grouped.iter().copied()) {
        if !is_name(name) {
            below.fault(name, "is no name for a field: a to z, 0 to 9 and _, a letter first");
        } else if RESERVED.contains(&name) {
            below.fault(name, "means something else in replies and conditions; take another name");
        } else if naming.number(name).is_none() {
            below.fault(name, "is one field too many");
        }
    }
    let mut fields = Vec::new();
    for name in &written {
        let tables = match below.value(name).and_then(|value| value.as_array()) {
            Some(_) => below.tables(name),
            None => below.table(name).into_iter().collect(),
        };
        let mut ways = Vec::new();
        for table in tables {
            let mut way = below.below(name, Some(table));
            read_ways(&mut way, name, patterns, naming, &mut ways);
        }
        fields.extend(naming.find(name).map(|name| Field::new(name, ways)));
    }
    let is_written = |name: &str| written.contains(&name);
    for name in grouped.into_iter().filter(|name| !is_written(name)) {
        let place = Place::Group(groups(patterns, name));
        let way =
            Way { when: Box::default(), place, coding: Coding::Ascii, finish: Finish::default() };
        let Some(name) = naming.find(name) else { continue };
        if fields.iter().all(|field: &Field| field.name != name) {
            fields.push(Field::new(name, vec![way]));
        }
    }
    if fields.len() > MOST {
        section.fault("fields", format!("are more than {MOST}"));
    }
    circles(section, &fields);
    let quick: Vec<_> = fields.iter().map(|field| (field.name, field.quick())).collect();
    let place = |name: u8| quick.iter().find(|(known, _)| *known == name)?.1;
    fields.iter_mut().for_each(|field| field.settle(place));
    fields.into()
}

fn table_of<'a, 's>(table: &'a DeTable<'s>, key: &str) -> Option<&'a DeTable<'s>> {
    table.iter().find(|(name, _)| name.get_ref() == key)?.1.get_ref().as_table()
}

/// What a condition looks at must not hang on another condition.
fn circles(section: &mut Section<'_, '_, '_>, fields: &[Field]) {
    use crate::protocol::field::Subject;
    let hangs = |name: u8| fields.iter().any(|field| field.name == name && field.has_conditions());
    let asked =
        |condition: &Condition| matches!(condition.subject, Subject::Field(name) if hangs(name));
    if fields.iter().flat_map(Field::conditions).any(asked) {
        section.fault("fields", "have a when that looks at a field which has a when itself");
    }
}

fn read_ways(
    section: &mut Section<'_, '_, '_>,
    name: &str,
    patterns: &[Groups],
    naming: &Naming,
    ways: &mut Vec<Way>,
) {
    section.refuse_others(&KEYS, &[]);
    if ways.len() == MOST_WAYS {
        section.fault("else", format!("makes more than {MOST_WAYS} ways to find a field"));
        return;
    }
    let when = conditions(section, naming);
    ways.extend(way(section, name, patterns, when));
    let Some(table) = section.table("else") else {
        return;
    };
    let own = section.table;
    let mut other = section.below("else", Some(table));
    // Another way to read the same place needs not say the place again.
    let says_place = PLACES.iter().chain(&EXTENTS).any(|key| other.has(key));
    let mut place_of = None;
    if !says_place {
        place_of = own;
    }
    other.refuse_others(&KEYS, &[]);
    let mut inherited = Vec::new();
    read_else(&mut other, place_of, name, patterns, naming, &mut inherited);
    ways.extend(inherited);
}

fn read_else<'a, 's>(
    section: &mut Section<'a, 's, '_>,
    place_of: Option<&'a DeTable<'s>>,
    name: &str,
    patterns: &[Groups],
    naming: &Naming,
    ways: &mut Vec<Way>,
) {
    let Some(parent) = place_of else {
        return read_ways(section, name, patterns, naming, ways);
    };
    let when = conditions(section, naming);
    let coding = coding(section, name);
    let finish = finish(section);
    let mut above = Section {
        source: section.source,
        prefix: section.prefix.clone(),
        table: Some(parent),
        defaults: None,
        faults: section.faults,
    };
    let place = place(&mut above, coding, name, patterns);
    ways.extend(place.map(|place| Way { when, place, coding, finish }));
    if let Some(table) = section.table("else") {
        let mut other = section.below("else", Some(table));
        read_ways(&mut other, name, patterns, naming, ways);
    }
}

fn way(
    section: &mut Section<'_, '_, '_>,
    name: &str,
    patterns: &[Groups],
    when: Box<[Condition]>,
) -> Option<Way> {
    let coding = coding(section, name);
    let finish = finish(section);
    let place = place(section, coding, name, patterns)?;
    Some(Way { when, place, coding, finish })
}

fn coding(section: &mut Section<'_, '_, '_>, name: &str) -> Coding {
    // A name is a text, and so is what a pattern finds; other bytes are bytes.
    let text = name == "id" || section.has("re") || section.has("of") || !section.has("at");
    let default = if text { Coding::Ascii } else { Coding::Raw };
    let Some(text) = section.text("as") else {
        return default;
    };
    Coding::find(text).unwrap_or_else(|| {
        let what = "must be raw, ascii, hex, bcd, bcdle, base100, decimal, hexdigits, count, or an \
                    integer such as u8, u16be, u32le";
        section.fault("as", what);
        default
    })
}

fn place(
    section: &mut Section<'_, '_, '_>,
    coding: Coding,
    name: &str,
    patterns: &[Groups],
) -> Option<Place> {
    let said: Vec<_> = PLACES.iter().filter(|key| section.has(key)).collect();
    if let [_, second, ..] = said[..] {
        section.fault(second, "says another place; write one of at, re, of, join");
        return None;
    }
    if section.has("join") {
        let mut parts = Vec::new();
        for table in section.tables("join") {
            let mut part = section.below("join", Some(table));
            part.refuse_others(&KEYS, &["when", "else", "join"]);
            parts.extend(way(&mut part, name, patterns, Box::default()));
        }
        return Some(Place::Join(parts.into()));
    }
    if let Some(text) = section.text("re") {
        return match Groups::new(text) {
            Ok(pattern) => Some(Place::Search(pattern)),
            Err(what) => {
                section.fault("re", format!("is no byte pattern: {what}"));
                None
            }
        };
    }
    if let Some(at) = section.place("at") {
        return extent(section, coding).map(|extent| Place::At { at, extent });
    }
    if section.has("at") {
        return None;
    }
    let group = section.text("of").unwrap_or(name);
    let groups = groups(patterns, group);
    if groups.iter().all(Option::is_none) {
        let key = if section.has("of") { "of" } else { "at" };
        let what = "is missing: say where the field stands, or name a group of match so";
        section.fault(key, what);
        return None;
    }
    Some(Place::Group(groups))
}

fn extent(section: &mut Section<'_, '_, '_>, coding: Coding) -> Option<Extent> {
    let said: Vec<_> = EXTENTS.iter().filter(|key| section.has(key)).collect();
    if let [_, second, ..] = said[..] {
        section.fault(second, "says another length; write one of len, to, prefix, until");
        return None;
    }
    if let Some(to) = section.place("to") {
        return Some(Extent::To(to));
    }
    if let Some(text) = section.text("prefix") {
        let size = integer_size(text);
        if size.is_none() {
            section.fault("prefix", "must be an integer such as u8 or u16be");
        }
        return size.map(|(size, little)| Extent::Prefix { size, little });
    }
    if let Some(text) = section.text("until") {
        return match literal::bytes(text) {
            Ok(end) if !end.is_empty() => Some(Extent::Until(end.into())),
            _ => {
                section.fault("until", "must be the bytes behind the field");
                None
            }
        };
    }
    if let Some(size) = section.size("len", LONGEST) {
        if size > 8 && matches!(coding, Coding::Integer { .. }) {
            section.fault("len", "is more than the 8 bytes of an integer");
        }
        return Some(Extent::Size(size));
    }
    match coding {
        Coding::Integer { size, .. } => Some(Extent::Size(usize::from(size))),
        _ if said.is_empty() => {
            section.fault("len", "is missing; write len, to, prefix or until");
            None
        }
        _ => None,
    }
}

fn finish(section: &mut Section<'_, '_, '_>) -> Finish {
    let map = section.table("map");
    let mut bits = section.below("map", map);
    bits.refuse_others(&MAP, &[]);
    let mapped = Finish {
        and: bits.bits("and"),
        or: bits.bits("or").unwrap_or(0),
        shift: bits.size("shift", 63).unwrap_or(0) as u32,
        div: bits.bits("div").unwrap_or(0),
        add: bits.number("add").unwrap_or(0),
        ..Finish::default()
    };
    Finish {
        drop: section.size("drop", 64).unwrap_or(0),
        keep: section.size("keep", 64),
        strip0: section.flag("strip0"),
        zpad: section.size("zpad", 64).unwrap_or(0),
        luhn: section.flag("luhn"),
        ..mapped
    }
}

fn groups(patterns: &[Groups], name: &str) -> Box<[Option<u8>]> {
    patterns.iter().map(|pattern| pattern.group(name)).collect()
}
