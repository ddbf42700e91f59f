use super::naming::Naming;
use crate::protocol::{
    keys::nearest,
    literal,
    region::Region,
    sum,
    template::{Clock, Format, MOST, Piece, Template},
};

/// Most bytes of a template's text.
const LONGEST: usize = 4096;

/// Reads a template; tells what is wrong with it.
pub(super) fn template(text: &str, naming: &Naming) -> Result<Template, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let behind = &rest[at + 1..];
        if behind.starts_with(brace) {
            // Two braces are one.
            plain.push_str(brace);
            rest = &behind[1..];
            continue;
        }
        let Some((inner, after)) = behind.split_once('}').filter(|_| brace == "{") else {
            return Err("has a brace without its partner; write {{ and }} for braces".to_owned());
        };
        literal(&mut plain, &mut pieces)?;
        pieces.push(piece(inner, naming).map_err(|what| format!("{{{inner}}}: {what}"))?);
        rest = after;
    }
    plain.push_str(rest);
    literal(&mut plain, &mut pieces)?;
    if pieces.is_empty() {
        return Err("is empty; leave the key out to send nothing".to_owned());
    }
    if pieces.len() > MOST {
        return Err(format!("has more than {MOST} pieces"));
    }
    Ok(Template(pieces.into()))
}

fn literal(plain: &mut String, pieces: &mut Vec<Piece>) -> Result<(), String> {
    let text = std::mem::take(plain);
    if !text.is_empty() {
        pieces.push(Piece::Literal(literal::bytes(&text)?.into()));
    }
    Ok(())
}

fn piece(inner: &str, naming: &Naming) -> Result<Piece, String> {
    let (what, format) = match inner.split_once(':') {
        Some((what, format)) => (what, Some(format)),
        None => (inner, None),
    };
    let (word, argument) = what.split_once(' ').unwrap_or((what, ""));
    match word {
        "data" | "name" if format.is_none() && argument.is_empty() => {
            Ok(if word == "data" { Piece::Payload } else { Piece::Name })
        }
        "name" if argument.contains("..") => {
            let format = format.map_or(Ok(Format::Text), self::format)?;
            Ok(Piece::NamePart { over: region(argument)?, format })
        }
        "now" => Clock::parse(argument, format).map(Piece::Clock),
        "frame" if format.is_none() => match argument {
            "" => Ok(Piece::Frame(Region { from: 0, to: None })),
            region => Ok(Piece::Frame(self::region(region)?)),
        },
        "len" => {
            let format = format.ok_or("needs a form, such as len 2..:u16be")?;
            if argument.contains("..") {
                return Ok(Piece::Length { over: region(argument)?, format: fixed(format)? });
            }
            // What is not a part of the reply is a field, or what a command sends.
            let name = (argument != "data").then(|| naming.known(argument)).transpose()?;
            Ok(Piece::Count { name, format: self::format(format)? })
        }
        "tally" => {
            let (field, separator) = argument.split_once(' ').ok_or("needs a separator")?;
            let separator: Box<[u8]> = literal::bytes(separator)?.into();
            if separator.is_empty() {
                return Err("needs a separator".to_owned());
            }
            let format = self::format(format.unwrap_or("d"))?;
            Ok(Piece::Tally { name: naming.known(field)?, separator, format })
        }
        _ => match sum::find(word) {
            Some(sum) => checksum(sum, argument, format),
            None => field(what, format, naming),
        },
    }
}

fn checksum(sum: sum::Sum, argument: &str, format: Option<&str>) -> Result<Piece, String> {
    let (of_frame, argument) = match argument.strip_prefix("frame") {
        Some(argument) => (true, argument.trim_start()),
        None => (false, argument),
    };
    let size = sum.width();
    let format = match format {
        Some(format) => fixed(format)?,
        None => Format::Integer { size, little: false },
    };
    let over = if of_frame && argument.is_empty() { ".." } else { argument };
    Ok(Piece::Sum { sum, of_frame, over: region(over)?, format })
}

fn field(what: &str, format: Option<&str>, naming: &Naming) -> Result<Piece, String> {
    let (name, optional) = match what.strip_suffix('?') {
        Some(name) => (name, true),
        None => (what, false),
    };
    let number = naming.known(name).map_err(|fault| match nearest(name, SUMS.iter()) {
        Some(near) if !fault.contains("did you") => format!("{fault}; did you mean {near:?}?"),
        _ => fault,
    })?;
    let format = format.map(self::format).transpose()?;
    Ok(Piece::Field { name: number, format, optional, is_id: name == "id" })
}

/// Words that may be meant where a field is not known.
const SUMS: [&str; 12] = [
    "now",
    "len",
    "frame",
    "tally",
    "name",
    "data",
    "xor8",
    "sum8",
    "crc16-x25",
    "crc16-modbus",
    "crc16-xmodem",
    "crc32",
];

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| format!("{text:?} is no part of a frame, such as 2..-4"))
}

fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| {
        format!(
            "{text:?} is no way to write a value; known are u8, u16be, u32le and the like, d, \
                 d02, X2, x4, bcd6, bcdle6, text"
        )
    })
}

/// A format that takes as many bytes for every number.
fn fixed(text: &str) -> Result<Format, String> {
    let format = format(text)?;
    match format.width() {
        Some(_) => Ok(format),
        None => Err(format!("{text:?} has no fixed width; write such as d02, X4 or u16be")),
    }
}
