//! The text of a protocol file that says what was guessed.

use super::{
    Looks,
    checksum::Check,
    distinct,
    ending::{Ending, Escape},
    identity::{Identity, Place},
};

/// A file for protocol `name`, as `kinds` look: what was guessed and from how much stands beside it.
pub(in crate::cli::protocol) fn draft(name: &str, kinds: &[Looks], left_out: usize) -> String {
    let mut file = File::default();
    let samples: usize = kinds.iter().map(|looks| looks.samples.len()).sum();
    let frames: usize = kinds.iter().map(|looks| looks.frames.len()).sum();
    file.note(&format!("{name}: begun from {}.", frames_in(frames, samples)));
    file.note(
        "What stands here was guessed from them. More samples make better guesses, most of all",
    );
    file.note("frames of different lengths, and what a device says first.");
    if left_out > 0 {
        let noun = if left_out == 1 { "sample fits" } else { "samples fit" };
        file.note(&format!("{left_out} more {noun} nothing of it and had no say."));
    }
    file.next_steps(name);
    file.line(&format!("name = '{name}'"));
    let named = kinds.iter().any(|looks| looks.identity.is_some());
    if !named {
        file.note("Nothing looked like an IMEI or a name. Until a frame has fields.id, devices are named by");
        file.note("their address; then take this line out.");
        file.line("identity = 'address'");
    }
    for (at, looks) in kinds.iter().enumerate() {
        let title = if kinds.len() > 1 { format!("frame{}", at + 1) } else { "frame".to_owned() };
        file.frame(looks, &title);
    }
    for (at, looks) in kinds.iter().enumerate() {
        let title = if kinds.len() > 1 { format!("frame{}", at + 1) } else { "frame".to_owned() };
        file.rule(looks, &title);
    }
    file.more();
    file.text
}

/// A file for protocol `name` of which nothing is known: lines of text, and how to say more.
pub(in crate::cli::protocol) fn template(name: &str) -> String {
    let mut file = File::default();
    file.note(&format!(
        "{name}: begun without samples. Devices are named by their address, and each"
    ));
    file.note("line of text is a frame, until you say more.");
    file.next_steps(name);
    file.line(&format!("name = '{name}'"));
    file.note("Take this line out once a frame has fields.id.");
    file.line("identity = 'address'");
    file.line("\n[[frame]]\nname = 'frame'");
    file.note("The bytes that open a frame; without it every byte may.");
    file.note("head = '\\x78\\x78'");
    file.note("How it ends: one of until, length, digits, size, end, balanced, rest.");
    file.note("length = { at = 2, size = 1, add = 5 }");
    file.line("until = ['\\r\\n', '\\n']");
    file.note("tail = '\\r\\n'");
    file.note("check = { sum = 'crc16-x25', over = '2..-4', at = -4 }");
    file.note("fields.type = { at = 3, as = 'u8' }");
    file.note("fields.id = { at = 4, len = 8, as = 'bcd', drop = 1, when = { type = 0x01 } }");
    file.more();
    file.text
}

#[derive(Default)]
struct File {
    text: String,
}

impl File {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn note(&mut self, note: &str) {
        self.line(format!("# {note}").trim_end());
    }

    fn next_steps(&mut self, name: &str) {
        self.note("");
        self.note("What to do next:");
        self.note(&format!(
            "  1. Put this file into protocols/{name}.toml beside your configuration."
        ));
        self.note(&format!(
            "  2. tetherd protocol explain {name} 7878.. shows what each byte of a frame is."
        ));
        self.note(
            "  3. Give names to the fields, and say in rules what frames are and what is answered.",
        );
        self.note(&format!(
            "  4. tetherd protocol run {name} < connections.jsonl plays whole connections."
        ));
        self.note(&format!(
            "  5. Say in [device] what a device sends: tetherd device ADDRESS --protocol {name}."
        ));
        self.note("All keys are in protocols/README.md.");
        self.line("");
    }

    fn frame(&mut self, looks: &Looks, title: &str) {
        let count = looks.frames.len();
        self.line(&format!("\n[[frame]]\nname = '{title}'"));
        if looks.head.is_empty() {
            self.note("No bytes open all of them: every byte may begin a frame.");
        } else {
            self.note(&format!("{} so.", all(count, "begins", "begin")));
            self.line(&format!("head = '{}'", looks.opening()));
        }
        self.ending(looks);
        if !looks.tail.is_empty() && !looks.ending.delimits() {
            self.note(&format!(
                "{} so. A frame that does not has a wrong length.",
                all(count, "ends", "end")
            ));
            self.line(&format!("tail = '{}'", literal(&looks.tail)));
        }
        match &looks.check {
            Some(check) => {
                let right = check.count(&looks.frames);
                self.note(&format!("It is right in {right} of {count}."));
                self.line(&check.line());
            }
            None => self.note(
                "check = { sum = 'crc16-modbus', over = '..-2', at = -2, endian = 'little' }",
            ),
        }
        match &looks.identity {
            Some(identity) => self.identity(identity, count),
            None => self.note("fields.id = { at = 4, len = 8, as = 'bcd', drop = 1 }"),
        }
    }

    fn ending(&mut self, looks: &Looks) {
        let count = looks.frames.len();
        let sizes: Vec<usize> = looks.frames.iter().map(Vec::len).collect();
        match &looks.ending {
            Ending::Length { clear, .. } if *clear => {
                let lengths = distinct(&sizes);
                self.note(&format!(
                    "It fits {} of {lengths} lengths.",
                    frames_in(count, looks.samples.len())
                ));
            }
            Ending::Length { .. } => {
                let size = sizes[0];
                self.note(&format!("All samples have {size} bytes, so that this is a bold guess: check it with others."));
            }
            Ending::Digits { .. } => self.note("The length, in digits."),
            Ending::Until { .. } => {
                self.note(&format!("{} so; it is no part of the frame.", all(count, "ends", "end")))
            }
            Ending::Flag { escape, .. } => {
                self.note("The same byte opens and closes a frame.");
                if escape.is_none() {
                    self.note("escape = { '\\x7d\\x01' = '\\x7d', '\\x7d\\x02' = '\\x7e' }");
                }
            }
            Ending::Size(_) => {
                self.note("All samples are equally long, and nothing in them looks like a length.")
            }
            Ending::Rest { .. } => {
                self.note("Nothing tells where a frame ends: it is all that comes up to a pause. Say until, length,");
                self.note("digits or size if you can.");
            }
        }
        self.line(&looks.ending.line());
    }

    fn identity(&mut self, identity: &Identity, count: usize) {
        let Identity { place, only, frames, example } = identity;
        if let Some(only) = only {
            self.note("What kind of frame it is.");
            self.line(&format!("fields.type = {{ at = {}, as = 'u8' }}", only.at));
        }
        let what = match place {
            Place::Bcd(_) => "Eight bytes that look like an IMEI",
            Place::Prefixed { .. } => "A text behind its length",
            Place::Anywhere | Place::Digits(_) => "Fifteen digits, as an IMEI has them",
        };
        self.note(&format!("{what}, in {frames} of {count}: {example}"));
        let when = only
            .as_ref()
            .map_or(String::new(), |only| format!(", when = {{ type = {:#04x} }}", only.is));
        self.line(&match place {
            Place::Anywhere => {
                r"fields.id = { re = '(?:^|[^0-9])([0-9]{15})(?:[^0-9]|$)' }".to_owned()
            }
            Place::Digits(at) => format!("fields.id = {{ at = {at}, len = 15{when} }}"),
            Place::Bcd(at) => {
                format!("fields.id = {{ at = {at}, len = 8, as = 'bcd', drop = 1{when} }}")
            }
            Place::Prefixed { at, size } => {
                format!("fields.id = {{ at = {at}, prefix = '{}'{when} }}", integer(*size, false))
            }
        });
    }

    fn rule(&mut self, looks: &Looks, title: &str) {
        let Some(identity) = &looks.identity else {
            return;
        };
        self.line(&format!("\n[[rule]]\nframe = '{title}'"));
        match identity.only {
            Some(only) => self.line(&format!("when = {{ type = {:#04x} }}\nis = 'login'", only.is)),
            None if identity.frames == looks.frames.len() => {
                self.note("Every frame says who the device is. is = 'login', 'heartbeat', 'data' or 'answer'");
                self.line("is = 'data'");
            }
            None => self.line("is = 'data'"),
        }
        self.note("What the device waits for:");
        self.note("reply = '{frame}'");
    }

    fn more(&mut self) {
        self.line("");
        for line in [
            "A rule for each thing that a device wants answered; the first that fits counts:",
            "[[rule]]",
            "frame = 'frame'",
            "when = { type = 0x13 }",
            "is = 'heartbeat'",
            "reply = '\\x78\\x78\\x05{type}{seq}{crc16-x25 2..}\\r\\n'",
            "",
            "What stands around commands:",
            "[command]",
            "wrap = '*HQ,{name},{data}#'",
            "",
            "What a device sends, so that one can be played:",
            "[device]",
            "login = '\\x78\\x78{len 3..-2:u8}\\x01{id:bcd8}{seq:u16be}{crc16-x25 2..}\\r\\n'",
            "send = '\\x78\\x78{len 3..-2:u8}\\x94{data}{seq:u16be}{crc16-x25 2..}\\r\\n'",
        ] {
            self.note(line);
        }
    }
}

impl Looks {
    /// The head, as a byte pattern.
    fn opening(&self) -> String {
        match &self.ending {
            // Of two markers side by side the second one opens.
            Ending::Flag { byte, .. } => format!("\\x{byte:02x}[^\\x{byte:02x}]"),
            _ => pattern(&self.head, self.ending.is_of_text()),
        }
    }
}

impl Ending {
    fn line(&self) -> String {
        match self {
            Self::Length { at, size, little, add, .. } => {
                let endian = if *little && *size > 1 { ", endian = 'little'" } else { "" };
                format!("length = {{ at = {at}, size = {size}{endian}, add = {add} }}")
            }
            Self::Digits { at, size: Some(size), add } => {
                format!("digits = {{ at = {at}, size = {size}, add = {add} }}")
            }
            Self::Digits { at, size: None, add } => {
                format!("digits = {{ at = {at}, until = ',', add = {add} }}")
            }
            Self::Until { delimiter, .. } => format!("until = '{}'", literal(delimiter)),
            Self::Flag { byte, escape } => {
                let escape = match escape {
                    None => "",
                    Some(Escape::Numbered) => {
                        "\nescape = { '\\x7d\\x01' = '\\x7d', '\\x7d\\x02' = '\\x7e' }"
                    }
                    Some(Escape::Turned) => {
                        "\nescape_xor = { byte = '\\x7d', xor = 0x20, markers = ['\\x7d', '\\x7e'] }"
                    }
                };
                format!("until = '\\x{byte:02x}'\nmin = 1\nkeep = true{escape}")
            }
            Self::Size(size) => format!("size = {size}"),
            Self::Rest { .. } => "rest = true".to_owned(),
        }
    }
}

impl Check {
    fn line(&self) -> String {
        let Self { name, from, to, at, little, digits } = self;
        let endian = if *little { ", endian = 'little'" } else { "" };
        let form = digits.map_or(String::new(), |digits| format!(", as = 'X{digits}'"));
        let from = if *from == 0 { String::new() } else { from.to_string() };
        format!("check = {{ sum = '{name}', over = '{from}..-{to}', at = -{at}{endian}{form} }}")
    }
}

fn integer(size: usize, little: bool) -> String {
    let order = if size == 1 { "" } else { ["be", "le"][usize::from(little)] };
    format!("u{}{order}", 8 * size)
}

fn frames_in(frames: usize, samples: usize) -> String {
    let count =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match frames == samples {
        true => count(samples, "sample"),
        false => format!("{} in {}", count(frames, "frame"), count(samples, "sample")),
    }
}

/// What all of them do.
fn all(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("The only frame {one}") } else { format!("All {count} frames {many}") }
}

/// Bytes as protocol files write them, in single quotes.
fn literal(bytes: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'!'..=b'~' if *byte != b'\'' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(letter).collect()
}

/// Bytes as a byte pattern that fits nothing else. Of a text the letters stay as they are.
fn pattern(bytes: &[u8], text: bool) -> String {
    let letter = |byte: &u8| match byte {
        b'*' | b'$' | b'(' | b')' | b'[' | b']' | b'+' | b'.' if text => {
            format!("\\{}", char::from(*byte))
        }
        b',' | b':' | b';' | b'=' | b'-' | b'@' | b'%' if text => char::from(*byte).to_string(),
        byte if text && byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(letter).collect()
}
