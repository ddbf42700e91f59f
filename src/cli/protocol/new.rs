//! `tetherd protocol new`

use std::{
    fs,
    io::{self, Read, Write},
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    bench::{Fate, Listener, Terms, play},
    guess::{Looks, draft, looks, odd, template},
    hex,
    json::Connection,
};
use crate::{
    cli::output,
    model::{Name, UnixMillis},
    protocol::{Checked, Frame, Given, Protocol},
};

pub(super) const EXAMPLES: &str = r"Examples:
  tetherd protocol new pump > config/protocols/pump.toml
  tetherd protocol new pump --samples captured.txt --output config/protocols/pump.toml
  xxd -p captured.bin | tr -d '\n' | tetherd protocol new pump --samples -

Each line of the samples is a frame, or all that a connection says: in hexadecimal, or an object as
tetherd protocol run reads it.";

/// Most bytes of all samples.
const LONGEST: u64 = 16 << 20;

/// Most samples that are looked at.
const MOST_SAMPLES: usize = 1000;

/// Arguments of `tetherd protocol new`.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// What the protocol is called: a to z, 0 to 9, _ and -
    #[arg(value_name = "NAME", value_parser = read_name)]
    name: String,

    /// What devices say, a frame or a connection a line; - reads standard input
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,

    /// Where to write the file; without this option, to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a file that is there
    #[arg(long, requires = "output")]
    force: bool,
}

fn read_name(text: &str) -> Result<String, String> {
    let known =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    match !text.is_empty() && text.bytes().all(known) {
        true => Ok(text.to_owned()),
        false => Err("write a name of a to z, 0 to 9, _ and -, such as pump".to_owned()),
    }
}

/// Begins a protocol file.
pub(super) fn run(args: &NewArgs) -> ExitCode {
    let text = match &args.samples {
        None => Ok(template(&args.name)),
        Some(path) => samples(path).map(|samples| text(&args.name, &samples)),
    };
    match text {
        Ok(text) => write(args, &text),
        Err(what) => output::refuse(&format!("protocol new: {what}")),
    }
}

fn write(args: &NewArgs, text: &str) -> ExitCode {
    let Some(path) = &args.output else {
        return output::show(text);
    };
    let shown = path.display();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    if !args.force {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            output::show(&format!("{shown} is written; its first lines say what to do next\n"))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => output::refuse(&format!(
            "protocol new: {shown} is there already; --force writes over it"
        )),
        Err(error) => output::fail(&format!(
            "protocol new: {shown} cannot be written: {error}; name another file with --output"
        )),
    }
}

/// Reads the samples at `path`; tells what is wrong with them.
fn samples(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let mut text = String::new();
    let shown = path.display();
    let read = match path.to_str() {
        Some("-") => io::stdin().lock().take(LONGEST).read_to_string(&mut text),
        _ => fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
    };
    read.map_err(|error| format!("{shown} cannot be read: {error}; name a file of samples"))?;
    let mut samples = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let mut bytes = Vec::new();
        if line.starts_with('{') {
            let read = Connection::read(line.as_bytes());
            bytes = read.map_err(|bad| format!("{shown}:{}: {}", at + 1, bad.what))?.bytes;
        } else if !line.starts_with('#') {
            hex::read(line, &mut bytes).map_err(|bad| format!("{shown}:{}: {bad}", at + 1))?;
        }
        if !bytes.is_empty() {
            samples.push(bytes);
        }
    }
    if samples.is_empty() {
        return Err(format!("{shown} holds no samples; write a frame in hexadecimal on each line"));
    }
    samples.truncate(MOST_SAMPLES);
    Ok(samples)
}

/// The boldest guess that cuts all samples again as it says.
fn text(name: &str, samples: &[Vec<u8>]) -> String {
    let mut kinds = looks(samples);
    loop {
        let kept: usize = kinds.iter().map(|looks| looks.samples.len()).sum();
        let text = draft(name, &kinds, samples.len() - kept);
        if holds(name, &text, &kinds) {
            return text;
        }
        let humbler: Vec<Option<Looks>> = kinds.iter().map(Looks::humbler).collect();
        if humbler.iter().all(Option::is_none) {
            return draft(name, &[Looks::plain(samples)], 0);
        }
        let both = humbler.into_iter().zip(kinds);
        kinds = both.map(|(humbler, looks)| humbler.unwrap_or(looks)).collect();
    }
}

/// Whether the protocol file `text` cuts the samples that fit into the frames that were guessed, sound ones.
fn holds(name: &str, text: &str, kinds: &[Looks]) -> bool {
    let Ok(protocol) = Protocol::parse(name, text) else {
        return false;
    };
    let mut seen = Seen::default();
    for sample in kinds.iter().flat_map(|looks| &looks.samples) {
        let all = 0..sample.len();
        let all = std::slice::from_ref(&all);
        let now = UnixMillis(0);
        let terms = Terms { protocol: &protocol, name: None, accept: true, now };
        let ending = play(terms, sample, all, all, &mut seen);
        if ending.error.is_some() || ending.used < sample.len() {
            return false;
        }
    }
    let mut expected: Vec<Vec<u8>> = kinds.iter().flat_map(|looks| looks.frames.clone()).collect();
    expected.sort();
    seen.frames.sort();
    seen.sound && seen.bad <= odd(expected.len()) && seen.frames == expected
}

/// The frames of samples, and whether nothing else is in them.
#[derive(Debug)]
struct Seen {
    frames: Vec<Vec<u8>>,
    /// How many carry a wrong checksum.
    bad: usize,
    sound: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { frames: Vec::new(), bad: 0, sound: true }
    }
}

impl Listener for Seen {
    fn frame(&mut self, frame: &Frame<'_>, _: &Given<'_>, _: Fate) {
        self.bad += usize::from(frame.check() == Checked::Bad);
        self.sound &= !matches!(frame.name(), Some(Err(_)));
        self.frames.push(frame.bytes.to_vec());
    }

    fn stood(&mut self, _: Range<usize>) {}

    fn registration(&mut self, _: Range<usize>, _: &Name) {
        self.sound = false;
    }

    fn data(&mut self, _: Range<usize>) {
        self.sound = false;
    }

    fn junk(&mut self, _: Range<usize>) {
        self.sound = false;
    }
}
