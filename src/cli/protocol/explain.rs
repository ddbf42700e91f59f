//! `tetherd protocol explain`

use std::{
    io::{self, Read},
    ops::Range,
    process::ExitCode,
};

use super::{
    bench::{Ending, Fate, Listener, Terms, play},
    hex,
    listing::{Colour, Listing, Tone, span},
    moment, source,
};
use crate::{
    cli::output,
    config::Options,
    model::{Name, UnixMillis},
    protocol::{Anatomy, Checked, Frame, Given, Part, Protocol, Replies, What},
    simulator::{EscapeFault, escape, unescape},
};

pub(super) const EXAMPLES: &str = r"Examples:
  tetherd protocol explain teltonika 000f333536333037303432343431303133
  tetherd protocol explain gt06 --named 860000000000001 78 78 08 13 00 64 01 00 05 76 2e 0d 0a
  tetherd protocol explain h02 --text '*HQ,8600000001,V1,101010,A#\r\n'
  xxd -p captured.bin | tetherd protocol explain ./pump.toml - | less";

/// Most bytes of the input.
const LONGEST: u64 = 16 << 20;

/// Most bytes of a value that are shown as a text.
const MOST_SHOWN: usize = 64;

/// Arguments of `tetherd protocol explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The protocol's name, or its file
    #[arg(value_name = "NAME|FILE")]
    protocol: String,

    /// What a device sends, in hexadecimal; - reads it from standard input
    #[arg(value_name = "HEX", required_unless_present = "text")]
    bytes: Vec<String>,

    /// What it sends, as a text with \r, \n, \xNN and the like
    #[arg(long, value_name = "TEXT", conflicts_with = "bytes", value_parser = read_text)]
    text: Option<Text>,

    /// As if the device had logged in under NAME
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    named: Option<Name>,

    /// What time it is; without this option, the machine's clock
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<UnixMillis>,

    /// Colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    color: Colour,
}

/// Bytes that were written as a text.
#[derive(Clone, Debug)]
struct Text(Vec<u8>);

fn read_text(text: &str) -> Result<Text, EscapeFault> {
    unescape(text).map(Text)
}

fn read_name(text: &str) -> Result<Name, String> {
    Name::new(text.as_bytes()).map_err(|fault| fault.to_string())
}

/// Shows what is what.
pub(super) fn run(args: &ExplainArgs, options: &Options) -> ExitCode {
    let protocol = match source::protocol("explain", &args.protocol, options) {
        Ok(protocol) => protocol,
        Err(code) => return code,
    };
    let bytes = match args.bytes() {
        Ok(bytes) if !bytes.is_empty() => bytes,
        Ok(_) => return output::refuse("protocol explain: there are no bytes; give it some"),
        Err(text) => return output::refuse(&format!("protocol explain: {text}")),
    };
    let (all, now) = (0..bytes.len(), args.at.unwrap_or_else(UnixMillis::now));
    let reads = std::slice::from_ref(&all);
    let terms = Terms { protocol: &protocol, name: args.named.as_ref(), accept: true, now };
    let mut lesson = Lesson::new(&protocol, &bytes, args.color);
    lesson.name = args.named.as_ref().map_or(lesson.name, ToString::to_string);
    let ending = play(terms, &bytes, reads, reads, &mut lesson);
    lesson.end(&ending);
    output::show(lesson.listing.as_str())
}

impl ExplainArgs {
    fn bytes(&self) -> Result<Vec<u8>, String> {
        if let Some(text) = &self.text {
            return Ok(text.0.clone());
        }
        let mut text = self.bytes.join(" ");
        if self.bytes == ["-"] {
            text.clear();
            let input = io::stdin().lock().take(LONGEST).read_to_string(&mut text);
            input
                .map_err(|error| format!("standard input: {error}; give it hexadecimal digits"))?;
        }
        let mut bytes = Vec::new();
        hex::read(&text, &mut bytes).map_err(|fault| fault.to_string())?;
        Ok(bytes)
    }
}

/// A listing of what a connection says, while it is being played.
struct Lesson<'a> {
    bytes: &'a [u8],
    listing: Listing,
    frames: usize,
    /// Who the data are of.
    name: String,
    /// The frame whose place is not known yet.
    open: Option<Open>,
}

/// What is to be told of a frame, taken out of it.
struct Open {
    title: String,
    anatomy: Anatomy,
    facts: Vec<(&'static str, Tone, String)>,
}

impl<'a> Lesson<'a> {
    fn new(protocol: &'a Protocol, bytes: &'a [u8], colour: Colour) -> Self {
        let name = if protocol.names_by_address() { "the device's address" } else { "the device" };
        let (name, listing) = (name.to_owned(), Listing::new(colour));
        Self { bytes, listing, frames: 0, name, open: None }
    }

    fn end(&mut self, ending: &Ending) {
        let rest = ending.used..self.bytes.len();
        if !rest.is_empty() {
            self.listing.heading(&format!("unfinished at {}", span(&rest)));
            let cells = ["rest", "", "no frame yet: more has to come, or a length is wrong"];
            self.listing.part(rest.start, &self.bytes[rest.clone()], Tone::Unknown, cells);
        }
        if let Some(error) = &ending.error {
            self.listing.heading("a session would end here");
            self.listing.fact("error", Tone::Bad, error);
        }
    }

    fn part(&mut self, at: usize, part: &Part) {
        let bytes = &self.bytes[at + part.range.start..at + part.range.end];
        let value = match &part.what {
            What::Unknown | What::Passed | What::Delimiter | What::Dropped => readable(bytes),
            What::Escape => format!("stands for {}", hex::spaced(&part.value)),
            What::Check { ok: true, .. } => "ok".to_owned(),
            What::Check { expected: Some(expected), .. } => {
                format!("bad: should be {}", hex::spaced(expected))
            }
            What::Check { .. } => "bad".to_owned(),
            _ => escape(&part.value, MOST_SHOWN),
        };
        let (name, tone) = named(&part.what);
        let cells = [name.as_str(), part.form.as_str(), value.as_str()];
        self.listing.part(at + part.range.start, bytes, tone, cells);
    }

    fn plain(&mut self, title: &str, at: &Range<usize>, tone: Tone, name: &str) {
        self.listing.heading(&format!("{title} at {}", span(at)));
        let bytes = &self.bytes[at.clone()];
        self.listing.part(at.start, bytes, tone, [name, "", &readable(bytes)]);
    }

    fn facts(&self, frame: &Frame<'_>, given: &Given<'_>, fate: Fate) -> Facts {
        let mut facts = Vec::new();
        let rule = match frame.rule_number() {
            Some(number) => format!("by rule {number}"),
            None => "since no rule fits".to_owned(),
        };
        facts.push(("is", Tone::Plain, format!("{}, {rule}", frame.is().as_str())));
        match frame.name() {
            Some(Ok(name)) => facts.push(("name", Tone::Name, name.to_string())),
            Some(Err(fault)) => facts.push(("name", Tone::Bad, fault.to_string())),
            None => {}
        }
        if frame.check() == Checked::Bad {
            facts.push(("check", Tone::Bad, "the frame did not come as it was sent".to_owned()));
        }
        answers(frame, given, fate, &mut facts);
        facts.push(("upstream", Tone::Plain, self.upstream(frame, given, fate)));
        facts
    }

    fn upstream(&self, frame: &Frame<'_>, given: &Given<'_>, fate: Fate) -> String {
        if !fate.delivered {
            let what = if fate.answered { "heartbeats = 'drop'" } else { "on_bad_checksum" };
            return format!("nothing: {what}");
        }
        let Some(name) = given.name else {
            return "nothing: the device has no name yet; --named NAME gives it one".to_owned();
        };
        let mut meaning = Vec::new();
        frame.meaning(frame.is(), frame.check(), &mut meaning);
        let members = escape(&meaning, MOST_SHOWN);
        let members = members.strip_prefix(',').map_or(members.clone(), |rest| format!(", {rest}"));
        format!("data of {name}: {} bytes{members}", frame.bytes.len())
    }
}

type Facts = Vec<(&'static str, Tone, String)>;

/// What is sent back to a device that is let in, and to one that is not.
fn answers(frame: &Frame<'_>, given: &Given<'_>, fate: Fate, facts: &mut Facts) {
    let mut replies = Replies::default();
    frame.replies(given, &mut replies);
    let nameless = given.name.is_none();
    if replies.as_bytes().is_empty() || !fate.answered {
        let mut text = if fate.answered { "none" } else { "none: on_bad_checksum" }.to_owned();
        let named = Name::new(b"name").ok().filter(|_| nameless && fate.answered);
        frame.replies(&Given { name: named.as_ref(), ..*given }, &mut replies);
        if named.is_some() && !replies.as_bytes().is_empty() {
            text = "none: the device has no name yet; --named NAME gives it one".to_owned();
        }
        facts.push(("reply", Tone::Plain, text));
    } else {
        facts.extend(replies.iter().map(|reply| ("reply", Tone::Good, sent(reply))));
    }
    replies.clear();
    frame.replies(&Given { accepted: false, ..*given }, &mut replies);
    facts.extend(replies.iter().map(|reply| ("refusal", Tone::Plain, sent(reply))));
}

/// Bytes that are sent, and as a text if they are one.
fn sent(bytes: &[u8]) -> String {
    let text = readable(bytes);
    let text = if text.is_empty() { text } else { format!("  {text}") };
    format!("{}{text}", hex::spaced(bytes))
}

/// What a part is called.
fn named(what: &What) -> (String, Tone) {
    let (name, tone) = match what {
        What::Head => ("head", Tone::Bone),
        What::Length => ("length", Tone::Bone),
        What::Tail => ("tail", Tone::Bone),
        What::Delimiter => ("delimiter", Tone::Bone),
        What::Escape => ("escape", Tone::Bone),
        What::Passed => ("passed over", Tone::Unknown),
        What::Dropped => ("dropped", Tone::Unknown),
        What::Unknown => ("unknown", Tone::Unknown),
        What::Check { ok: true, .. } => ("check", Tone::Good),
        What::Check { ok: false, .. } => ("check", Tone::Bad),
        What::LengthOf(name) => return (format!("length of {name}"), Tone::Bone),
        What::Field(name) if name == "id" => ("id", Tone::Name),
        What::Field(name) => return (name.clone(), Tone::Field),
    };
    (name.to_owned(), tone)
}

/// The text that `bytes` are; empty if they are none.
fn readable(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    match bytes.iter().all(is_text) {
        true => format!("'{}'", escape(bytes, MOST_SHOWN)),
        false => String::new(),
    }
}

impl Listener for Lesson<'_> {
    fn frame(&mut self, frame: &Frame<'_>, given: &Given<'_>, fate: Fate) {
        self.frames += 1;
        let kind = if frame.shape().is_empty() { "" } else { ": " };
        let title = format!("frame {}{kind}{}", self.frames, frame.shape());
        let facts = self.facts(frame, given, fate);
        self.open = Some(Open { title, anatomy: frame.anatomy(), facts });
    }

    fn stood(&mut self, at: Range<usize>) {
        let Some(open) = self.open.take() else {
            return;
        };
        self.listing.heading(&format!("{}, at {}", open.title, span(&at)));
        for part in open.anatomy.on(&self.bytes[at.clone()]) {
            self.part(at.start, &part);
        }
        for (name, tone, value) in &open.facts {
            self.listing.fact(name, *tone, value);
        }
    }

    fn registration(&mut self, at: Range<usize>, name: &Name) {
        self.listing.heading(&format!("registration at {}", span(&at)));
        let bytes = &self.bytes[at.clone()];
        let text = name.as_str().as_bytes();
        let found = memchr::memmem::rfind(bytes, text).unwrap_or(0);
        let end = (found + text.len()).min(bytes.len());
        for (range, tone, what) in [
            (0..found, Tone::Bone, "head"),
            (found..end, Tone::Name, "name"),
            (end..bytes.len(), Tone::Bone, "terminator"),
        ] {
            if !range.is_empty() {
                let part = &bytes[range.clone()];
                self.listing.part(at.start + range.start, part, tone, [what, "", &readable(part)]);
            }
        }
        self.listing.fact("name", Tone::Name, name.as_str());
        self.name = name.to_string();
    }

    fn data(&mut self, at: Range<usize>) {
        self.plain("data", &at, Tone::Plain, "data");
        let text = format!("data of {}: {} bytes", self.name, at.len());
        self.listing.fact("upstream", Tone::Plain, &text);
    }

    fn junk(&mut self, at: Range<usize>) {
        self.plain("junk", &at, Tone::Bad, "no frame");
    }
}
