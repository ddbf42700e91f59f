use std::{io::IsTerminal, ops::Range};

use clap::ValueEnum;

use super::hex;

/// So many bytes stand in a row.
const ROW: usize = 8;

/// When the listing has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Whether standard output gets any.
    fn is_wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !unwanted && std::io::stdout().is_terminal()
            }
        }
    }
}

/// What a row is about, which gives its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The heading of a frame.
    Heading,
    /// What holds a frame together.
    Bone,
    /// A field.
    Field,
    /// Who the device is.
    Name,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Nobody knows what it means.
    Unknown,
    Plain,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Heading => "\x1b[1m",
            Self::Bone => "\x1b[36m",
            Self::Field => "\x1b[33m",
            Self::Name => "\x1b[1;35m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[1;31m",
            Self::Unknown => "\x1b[2m",
            Self::Plain => "",
        }
    }
}

/// A listing of bytes and what they are, in rows.
#[derive(Debug)]
pub(super) struct Listing {
    text: String,
    coloured: bool,
}

impl Listing {
    pub fn new(colour: Colour) -> Self {
        Self { text: String::new(), coloured: colour.is_wanted() }
    }

    /// A line above rows, set apart from what stands before it.
    pub fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.coloured(Tone::Heading, text);
        self.text.push('\n');
    }

    /// `bytes`, which begin at `at`, and what they are; more than a row holds go on below.
    pub fn part(&mut self, at: usize, bytes: &[u8], tone: Tone, cells: [&str; 3]) {
        let [name, form, value] = cells;
        let mut said = format!("{name:<14} {form:<10} {value}");
        let rows: Vec<&[u8]> =
            if bytes.is_empty() { vec![bytes] } else { bytes.chunks(ROW).collect() };
        let mut from = at;
        for row in rows {
            let place = span(&(from..from + row.len()));
            let bytes = hex::spaced(row);
            let width = 3 * ROW;
            self.text.push_str(&format!("  {place:<10}"));
            self.coloured(tone, format!("{bytes:<width$} {said}").trim_end());
            self.text.push('\n');
            said.clear();
            from += row.len();
        }
    }

    /// A fact about the whole.
    pub fn fact(&mut self, name: &str, tone: Tone, value: &str) {
        self.text.push_str(&format!("  {name:<10}"));
        self.coloured(tone, value);
        self.text.push('\n');
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn coloured(&mut self, tone: Tone, text: &str) {
        match self.coloured && tone != Tone::Plain {
            true => self.text.push_str(&format!("{}{text}\x1b[0m", tone.code())),
            false => self.text.push_str(text),
        }
    }
}

/// From where to where.
pub(super) fn span(range: &Range<usize>) -> String {
    format!("{}..{}", range.start, range.end)
}
