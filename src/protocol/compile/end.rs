use super::head::head;
use crate::protocol::{
    delimiters::Delimiters,
    frame::{Balanced, Digits, End, Head, Length, Pattern, Sizes, Until, Width},
    keys::Section,
    literal,
};

/// The keys that say how a frame ends, of which it has one.
pub(super) const ENDS: [&str; 7] = ["until", "length", "digits", "size", "end", "balanced", "rest"];

const LENGTH: [&str; 7] = ["at", "size", "endian", "mask", "shift", "mul", "add"];
const DIGITS: [&str; 7] = ["at", "size", "until", "re", "from", "base", "add"];

/// Largest offset of a length.
const FARTHEST: usize = 4096;

/// Longest frame of a fixed size.
const LONGEST: usize = 1 << 20;

/// How a frame ends, and what may follow it.
pub(super) type Ending = (End, Box<[Box<[u8]>]>);

/// Reads how a frame ends, and what may follow it.
pub(super) fn end(section: &mut Section<'_, '_, '_>) -> Option<Ending> {
    let own: Vec<_> = ENDS.iter().filter(|key| section.has_own(key)).collect();
    let said: Vec<_> = match own.is_empty() {
        true => ENDS.iter().filter(|key| section.has(key)).collect(),
        false => own,
    };
    let mut also = section.list_of_bytes("also").unwrap_or_default();
    if section.has("also") && (also.is_empty() || also.iter().any(Vec::is_empty)) {
        section.fault("also", "must be the bytes that may follow a frame, or a list of them");
    }
    let end = match said[..] {
        [&"until"] => until(section, &mut also).map(End::Until),
        [&"length"] => length(section).map(End::Length),
        [&"digits"] => digits(section).map(End::Digits),
        [&"size"] => sizes(section).map(End::Sizes),
        [&"end"] => pattern(section).map(|pattern| End::Pattern(Box::new(pattern))),
        [&"balanced"] => balanced(section).map(End::Balanced),
        [&"rest"] => {
            if !section.flag("rest") {
                section.fault("rest", "must be true, or another end");
            }
            Some(End::Rest)
        }
        [] => {
            let what = "is missing: say how the frame ends, with until, length, digits, size, end, \
                        balanced or rest";
            section.fault("until", what);
            None
        }
        [_, second, ..] => {
            section.fault(second, "is another end; a frame has one");
            None
        }
        _ => None,
    };
    also.sort_by_key(|one| std::cmp::Reverse(one.len()));
    let also = also.into_iter().filter(|one| !one.is_empty()).map(Vec::into_boxed_slice);
    Some((end?, also.collect()))
}

fn until(section: &mut Section<'_, '_, '_>, also: &mut Vec<Vec<u8>>) -> Option<Until> {
    let mut all = section.list_of_bytes("until").unwrap_or_default();
    // Where a delimiter begins another one, nobody knows which it is before more has come. The
    // shorter one ends the frame, and the rest of the longer one is swallowed when it comes.
    all.sort_by_key(Vec::len);
    let mut ends: Vec<Vec<u8>> = Vec::new();
    for one in all {
        match ends.iter().find(|end| !end.is_empty() && one.starts_with(end)) {
            Some(end) if one.len() > end.len() => also.push(one[end.len()..].to_vec()),
            Some(_) => {}
            None => ends.push(one),
        }
    }
    let keep = kept(section, &ends);
    let unless = section.list_of_bytes("unless").unwrap_or_default();
    if section.has("unless") && (unless.is_empty() || unless.iter().any(Vec::is_empty)) {
        section.fault("unless", "must be bytes behind which there is no delimiter, or a list");
    }
    let Some(ends) = Delimiters::new(ends) else {
        section.fault("until", "must be bytes that end a frame, such as '\\n', or a list of them");
        return None;
    };
    Some(Until {
        ends,
        keep: keep.into_iter().map(Vec::into_boxed_slice).collect(),
        min: section.size("min", LONGEST).unwrap_or(0),
        plus: section.size("plus", FARTHEST).unwrap_or(0),
        unless: unless.into_iter().map(Vec::into_boxed_slice).collect(),
    })
}

/// The delimiters that stay: all, or those that are listed.
fn kept(section: &mut Section<'_, '_, '_>, ends: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if section.value("keep").is_some_and(|value| value.as_bool().is_none()) {
        let listed = section.list_of_bytes("keep").unwrap_or_default();
        if listed.is_empty() || listed.iter().any(|one| !ends.contains(one)) {
            section.fault("keep", "must be true, or those of until that are part of the frame");
        }
        return listed;
    }
    if section.flag("keep") { ends.to_vec() } else { Vec::new() }
}

fn length(section: &mut Section<'_, '_, '_>) -> Option<Length> {
    let table = section.table("length")?;
    let mut length = section.below("length", Some(table));
    length.refuse_others(&LENGTH, &[]);
    let Some(size) = length.count("size", 8) else {
        if !length.has("size") {
            length.fault("size", "is missing: how many bytes the length has");
        }
        return None;
    };
    Some(Length {
        at: length.size("at", FARTHEST).unwrap_or(0),
        size,
        little: little(&mut length),
        mask: length.bits("mask").unwrap_or(u64::MAX),
        shift: length.size("shift", 63).unwrap_or(0) as u32,
        mul: length.bits("mul").unwrap_or(1),
        add: length.number("add").unwrap_or(0),
    })
}

/// Whether the low byte comes first.
pub(super) fn little(section: &mut Section<'_, '_, '_>) -> bool {
    section.word("endian", &[("little", true), ("big", false)]).unwrap_or(false)
}

fn digits(section: &mut Section<'_, '_, '_>) -> Option<Digits> {
    let table = section.table("digits")?;
    let mut digits = section.below("digits", Some(table));
    digits.refuse_others(&DIGITS, &[]);
    let width = width(&mut digits)?;
    Some(Digits {
        at: digits.size("at", FARTHEST).unwrap_or(0),
        width,
        base: base(&mut digits),
        add: digits.number("add").unwrap_or(0),
        from_end: digits.word("from", &[("until", true), ("start", false)]).unwrap_or(false),
    })
}

fn width(digits: &mut Section<'_, '_, '_>) -> Option<Width> {
    let until = digits.text("until").map(literal::bytes);
    let head = digits.text("re").map(Pattern::new);
    match (digits.count("size", 9), until, head) {
        (Some(size), None, None) => Some(Width::Fixed(size)),
        (None, Some(Ok(byte)), None) if byte.len() == 1 => Some(Width::Until(byte[0])),
        (None, None, Some(Ok(pattern))) => Some(Width::Head(Box::new(pattern))),
        (None, None, Some(Err(what))) => {
            digits.fault("re", format!("is no pattern of a beginning: {what}"));
            None
        }
        _ => {
            let what = "must be the number of digits, or until the byte behind them, or re the \
                        beginning of a frame whose last digits they are";
            digits.fault("size", what);
            None
        }
    }
}

fn base(section: &mut Section<'_, '_, '_>) -> u32 {
    match section.number("base") {
        None | Some(10) => 10,
        Some(16) => 16,
        Some(_) => {
            section.fault("base", "must be 10 or 16");
            10
        }
    }
}

fn sizes(section: &mut Section<'_, '_, '_>) -> Option<Sizes> {
    let value = section.value("size")?;
    let one = |value: &toml::de::DeValue<'_>| {
        let size = usize::try_from(crate::protocol::keys::number(value)?).ok()?;
        (1..=LONGEST).contains(&size).then_some(size)
    };
    let sizes: Option<Vec<usize>> = match value.as_array() {
        Some(list) => list.iter().map(|value| one(value.get_ref())).collect(),
        None => one(value).map(|size| vec![size]),
    };
    let rises = |sizes: &Vec<usize>| {
        (1..=8).contains(&sizes.len()) && sizes.windows(2).all(|pair| pair[0] < pair[1])
    };
    let sizes = sizes.filter(rises);
    if sizes.is_none() {
        section.fault("size", "must be a number of bytes, or up to 8 of them, rising");
    }
    sizes.map(|sizes| Sizes(sizes.into()))
}

fn pattern(section: &mut Section<'_, '_, '_>) -> Option<Pattern> {
    let text = section.text("end")?;
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(what) => {
            section.fault("end", format!("is no pattern that ends a frame: {what}"));
            None
        }
    }
}

fn balanced(section: &mut Section<'_, '_, '_>) -> Option<Balanced> {
    let brackets = section.bytes("balanced")?;
    match brackets[..] {
        [open, close] if open != close => Some(Balanced { open, close, quote: None }),
        [open, close, quote] if open != close && quote != open && quote != close => {
            Some(Balanced { open, close, quote: Some(quote) })
        }
        _ => {
            let what = "must be an opening and a closing byte, and perhaps a quote: '[]', '{}\"'";
            section.fault("balanced", what);
            None
        }
    }
}

/// Reads the head of a frame; without one everything fits.
pub(super) fn read_head(section: &mut Section<'_, '_, '_>) -> Head {
    let Some(text) = section.text("head") else {
        return Head::any();
    };
    head(text).unwrap_or_else(|what| {
        section.fault("head", what);
        Head::any()
    })
}
