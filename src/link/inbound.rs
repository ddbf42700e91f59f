//! What the web server says, line by line.

use serde_json::{Map, Value};

use crate::model::Offset;

/// Cuts the bytes from a web server into lines and says what each is. Half a line at the end of a
/// link is nothing; whoever makes a new link makes a new one of these.
#[derive(Debug)]
pub struct Inbound {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The rest of a line that is too long is passed over.
    passing: bool,
    /// Nothing is understood, only counted.
    deaf: bool,
    counts: InboundCounts,
}

/// What came from the web server on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundCounts {
    /// Every byte.
    pub bytes: u64,
    /// Lines with something in them.
    pub lines: u64,
    /// Lines of our own kind that came back.
    pub ours: u64,
    /// Lines that could not be understood, too long ones among them.
    pub not_understood: u64,
}

/// One line from the web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Everything up to and including this offset is safe with the web server, or so it says.
    Ack(Offset),
    /// A command for a device, as it was written.
    Command(String),
    /// The end of a command, as it was written.
    Cancel(String),
    /// A token, where none is asked for any more.
    Token,
    /// A line with `event`, `error` or `hello`: an echo of ours. Never answered.
    Ours,
    /// Anything else.
    NotUnderstood(Complaint),
    /// A line above [`Inbound::LONGEST`], told once, when the bound is passed.
    TooLong(Complaint),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, and what would be right.
    pub why: String,
    /// The line's first [`Inbound::EXCERPT`] characters, broken ones as U+FFFD. They are the web
    /// server's: escape them before they reach a terminal.
    pub line: String,
}

impl Item {
    /// What to answer the web server, where the line was wrong.
    pub fn complaint(&self) -> Option<Complaint> {
        match self {
            Self::NotUnderstood(complaint) | Self::TooLong(complaint) => Some(complaint.clone()),
            Self::Ack(_) | Self::Command(_) | Self::Cancel(_) | Self::Token | Self::Ours => None,
        }
    }
}

impl Complaint {
    /// About a line that was understood, and nothing came of it.
    pub fn about(line: &str, why: String) -> Self {
        Self { why, line: excerpt(line.as_bytes()) }
    }

    /// About an acknowledgement of what was never sent; `last` is the last offset that was.
    pub fn future(ack: Offset, last: Offset) -> Self {
        let why = format!("offset {ack} was not sent yet, the last one sent is {last}");
        Self { why, line: format!("{{\"ack\":{ack}}}") }
    }
}

impl Inbound {
    /// Most bytes of a line.
    pub const LONGEST: usize = 1 << 20;
    /// Most characters of a line that a complaint repeats.
    pub const EXCERPT: usize = 120;
    /// Room for a line's beginning that is kept from line to line.
    const KEPT: usize = 64 << 10;

    /// Reads lines.
    pub fn new() -> Self {
        Self { line: Vec::new(), passing: false, deaf: false, counts: InboundCounts::default() }
    }

    /// Takes all bytes and understands none, for links without acknowledgements.
    pub fn deaf() -> Self {
        Self { deaf: true, ..Self::new() }
    }

    /// What has come so far.
    pub fn counts(&self) -> InboundCounts {
        self.counts
    }

    /// The next line, taken from the front of `bytes`; `None` once all of them are taken.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Item> {
        if self.deaf {
            self.counts.bytes += bytes.len() as u64;
            *bytes = &[];
        }
        while !bytes.is_empty() {
            let item = match memchr::memchr(b'\n', bytes) {
                Some(end) => {
                    let (line, rest) = bytes.split_at(end + 1);
                    *bytes = rest;
                    self.counts.bytes += line.len() as u64;
                    self.end_of_line(&line[..end])
                }
                None => {
                    let part = std::mem::take(bytes);
                    self.counts.bytes += part.len() as u64;
                    self.part_of_line(part)
                }
            };
            if let Some(item) = item {
                self.count(&item);
                return Some(item);
            }
        }
        None
    }

    fn end_of_line(&mut self, end: &[u8]) -> Option<Item> {
        if std::mem::take(&mut self.passing) {
            return None;
        }
        if self.line.len() + end.len() > Self::LONGEST {
            return Some(self.too_long(end));
        }
        if self.line.is_empty() {
            return understand(end);
        }
        self.line.extend_from_slice(end);
        let item = understand(&self.line);
        self.clear();
        item
    }

    fn part_of_line(&mut self, part: &[u8]) -> Option<Item> {
        if self.passing {
            return None;
        }
        if self.line.len() + part.len() > Self::LONGEST {
            self.passing = true;
            return Some(self.too_long(part));
        }
        self.line.extend_from_slice(part);
        None
    }

    fn too_long(&mut self, more: &[u8]) -> Item {
        // Four bytes a character are enough for the excerpt.
        let wanted = Self::EXCERPT * 4;
        let missing = wanted.saturating_sub(self.line.len()).min(more.len());
        self.line.truncate(wanted);
        self.line.extend_from_slice(&more[..missing]);
        let line = excerpt(&self.line);
        self.clear();
        let why = format!("a line may have {} bytes at most", Self::LONGEST);
        Item::TooLong(Complaint { why, line })
    }

    fn clear(&mut self) {
        self.line.clear();
        self.line.shrink_to(Self::KEPT);
    }

    fn count(&mut self, item: &Item) {
        self.counts.lines += 1;
        match item {
            Item::Ours => self.counts.ours += 1,
            Item::NotUnderstood(_) | Item::TooLong(_) => self.counts.not_understood += 1,
            Item::Ack(_) | Item::Command(_) | Item::Cancel(_) | Item::Token => {}
        }
    }
}

impl Default for Inbound {
    fn default() -> Self {
        Self::new()
    }
}

/// What a whole line says; `None` for an empty one.
fn understand(line: &[u8]) -> Option<Item> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return None;
    }
    if let Some(offset) = plain_ack(line) {
        return Some(Item::Ack(offset));
    }
    let text = || String::from_utf8_lossy(line).into_owned();
    let complaint =
        |why: &str| Item::NotUnderstood(Complaint { why: why.to_owned(), line: excerpt(line) });
    let keys: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(keys) => keys,
        Err(fault) if fault.is_data() => return Some(complaint("a line must be a JSON object")),
        Err(_) => return Some(complaint("this is not JSON; each line must be one JSON object")),
    };
    if ["event", "error", "hello"].iter().any(|key| keys.contains_key(*key)) {
        return Some(Item::Ours);
    }
    if let Some(ack) = keys.get("ack") {
        let whole = "\"ack\" must be an offset, a whole number without quotes";
        return Some(ack.as_u64().map_or_else(|| complaint(whole), |ack| Item::Ack(Offset(ack))));
    }
    let item = if keys.contains_key("command") {
        Item::Command(text())
    } else if keys.contains_key("cancel") {
        Item::Cancel(text())
    } else if keys.contains_key("token") {
        Item::Token
    } else {
        complaint("none of the keys \"ack\", \"command\" and \"cancel\" is there")
    };
    Some(item)
}

/// An acknowledgement as nearly everybody writes it, read without taking the line apart.
fn plain_ack(line: &[u8]) -> Option<Offset> {
    let digits = line.strip_prefix(b"{\"ack\":")?.strip_suffix(b"}")?;
    // JSON knows no leading zeros, and 19 digits always fit.
    let plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 19;
    if !plain || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(Offset(number))
}

/// The first characters of `line`.
fn excerpt(line: &[u8]) -> String {
    let most = line.len().min(Inbound::EXCERPT * 4);
    String::from_utf8_lossy(&line[..most]).chars().take(Inbound::EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(pieces: &[&[u8]]) -> Vec<Item> {
        let mut inbound = Inbound::new();
        let mut items = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(item) = inbound.next(&mut piece) {
                items.push(item);
            }
        }
        items
    }

    fn complaint(line: &[u8]) -> Complaint {
        match items(&[line]).pop() {
            Some(Item::NotUnderstood(complaint) | Item::TooLong(complaint)) => complaint,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_kind_of_line_is_known() {
        let command = r#"{"command":"c-1","imei":"860000000000001","data":"AQMAAAAC"}"#;
        let cases: [(&str, Option<Item>); 14] = [
            (r#"{"ack":0}"#, Some(Item::Ack(Offset(0)))),
            (r#"{"ack":18446744073709551615}"#, Some(Item::Ack(Offset(u64::MAX)))),
            (r#"{"ack":1763625600000018}"#, Some(Item::Ack(Offset(1_763_625_600_000_018)))),
            (r#" { "ack" : 0 , "new": [1] } "#, Some(Item::Ack(Offset(0)))),
            (command, Some(Item::Command(command.to_owned()))),
            (r#"{"cancel":"c-1"}"#, Some(Item::Cancel(r#"{"cancel":"c-1"}"#.to_owned()))),
            (r#"{"token":"x"}"#, Some(Item::Token)),
            (r#"{"offset":16,"event":"started","ack":1}"#, Some(Item::Ours)),
            (r#"{"error":"no","line":"x"}"#, Some(Item::Ours)),
            (r#"{"hello":"tetherd"}"#, Some(Item::Ours)),
            ("", None),
            ("\r", None),
            (" \t ", None),
            ("{\"ack\":5}\r", Some(Item::Ack(Offset(5)))),
        ];
        for (line, expected) in cases {
            assert_eq!(items(&[line.as_bytes(), b"\n"]).pop(), expected, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_reason() {
        let cases: [(&[u8], &str); 14] = [
            (b"{\"ack\":017}\n", "not JSON"),
            (b"{\"ack\":1 7}\n", "not JSON"),
            (b"{\"ack\":18446744073709551616}\n", "whole number"),
            (b"ok\n", "not JSON"),
            (b"{\"ack\":\n", "not JSON"),
            (b"\xff\xfe\n", "not JSON"),
            (b"\0\0\0\n", "not JSON"),
            (b"17\n", "JSON object"),
            (b"[{\"ack\":1}]\n", "JSON object"),
            (b"{\"ack\":\"17\"}\n", "whole number"),
            (b"{\"ack\":17.5}\n", "whole number"),
            (b"{\"ack\":-1}\n", "whole number"),
            (b"{\"ack\":null}\n", "whole number"),
            (b"{\"Ack\":1}\n", "none of the keys"),
        ];
        for (line, why) in cases {
            let complaint = complaint(line);
            assert!(complaint.why.contains(why), "{}: {complaint:?}", line.escape_ascii());
        }
        assert!(complaint(&[&[b'['; 5000][..], b"\n"].concat()).why.contains("JSON"));
    }

    #[test]
    fn a_complaint_repeats_the_first_120_characters() {
        let long = format!("{}\n", "ä".repeat(500));
        assert_eq!(complaint(long.as_bytes()).line, "ä".repeat(120));
        assert_eq!(complaint(b"a\xffb\n").line, "a\u{fffd}b");
    }

    #[test]
    fn what_is_wrong_is_answered_and_what_is_a_command_is_left_to_others() {
        let why = |line: &[u8]| {
            items(&[line]).pop().and_then(|item| item.complaint()).map(|complaint| complaint.why)
        };
        assert_eq!(why(b"{\"command\":\"c-1\"}\n"), None);
        assert_eq!(why(b"{\"cancel\":\"c-1\"}\n"), None);
        let long = format!("{{\"command\":\"{}\"}}", "x".repeat(200));
        let about = Complaint::about(&long, "no".to_owned());
        assert_eq!((about.line.len(), &about.why[..]), (120, "no"));
        assert!(why(b"nonsense\n").is_some());
        for silent in ["{\"ack\":1}\n", "{\"token\":\"x\"}\n", "{\"error\":\"x\"}\n"] {
            assert_eq!(why(silent.as_bytes()), None);
        }
        let future = Complaint::future(Offset(9), Offset(7));
        assert_eq!(future.why, "offset 9 was not sent yet, the last one sent is 7");
    }

    #[test]
    fn lines_come_out_the_same_wherever_they_are_cut() {
        let stream = b"{\"ack\":1}\n\nnonsense\n{\"ack\":2}\r\n{\"event\":1}\n{\"ack\":3}";
        let whole = items(&[stream]);
        assert_eq!(whole.len(), 4, "half a line at the end is nothing");
        for cut in 0..stream.len() {
            assert_eq!(items(&[&stream[..cut], &stream[cut..]]), whole);
        }
        let bytes: Vec<_> = stream.chunks(1).collect();
        assert_eq!(items(&bytes), whole);
    }

    #[test]
    fn a_line_of_ten_megabytes_is_told_once_and_never_held() {
        let mut inbound = Inbound::new();
        let mut told = 0;
        for _ in 0..160 {
            let chunk = [b'x'; 65_536];
            let mut bytes = &chunk[..];
            while let Some(item) = inbound.next(&mut bytes) {
                assert!(matches!(&item, Item::TooLong(why) if why.line == "x".repeat(120)));
                told += 1;
            }
            assert!(inbound.line.capacity() <= 2 * Inbound::LONGEST);
        }
        assert_eq!(told, 1);
        assert!(inbound.line.capacity() <= Inbound::KEPT);
        let mut bytes = &b"the end\n{\"ack\":7}\n"[..];
        assert_eq!(inbound.next(&mut bytes), Some(Item::Ack(Offset(7))));
        assert_eq!(inbound.counts().not_understood, 1);
    }

    #[test]
    fn a_line_at_the_bound_is_taken_and_one_byte_more_is_not() {
        let mut line = format!("{{\"ack\":1,\"pad\":\"{}\"}}", "x".repeat(Inbound::LONGEST - 18));
        assert_eq!(line.len(), Inbound::LONGEST);
        let whole = format!("{line}\n");
        assert_eq!(items(&[whole.as_bytes()]), [Item::Ack(Offset(1))]);
        line.insert(1, ' ');
        line.push('\n');
        for size in [line.len(), 1000] {
            let pieces: Vec<_> = line.as_bytes().chunks(size).collect();
            assert!(matches!(&items(&pieces)[..], [Item::TooLong(_)]));
        }
    }

    #[test]
    fn a_deaf_one_counts_and_says_nothing() {
        let mut inbound = Inbound::deaf();
        let mut bytes = &b"{\"ack\":1}\n"[..];
        assert_eq!(inbound.next(&mut bytes), None);
        assert!(bytes.is_empty());
        assert_eq!(inbound.counts(), InboundCounts { bytes: 10, ..InboundCounts::default() });
    }
}
