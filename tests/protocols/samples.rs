//! The samples of each protocol: frames written from its layout, and what must come of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::Value as Json;
use tetherd::{
    model::Name,
    protocol::{BUILT_IN, Given, Protocol},
};

use crate::{
    dice::Dice,
    run::{Feed, Out, run},
    session::NOW,
};

/// One line of a file of samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub id: String,
    /// For readers.
    #[serde(default, rename = "note")]
    _note: String,
    /// Who the device is known to be.
    pub name: Option<String>,
    /// Whether it is let in.
    #[serde(default = "yes")]
    pub accept: bool,
    /// What is read, one read each, in hexadecimal digits.
    #[serde(default)]
    pub chunks: Vec<String>,
    /// The reads are what they are: other pieces would mean something else.
    #[serde(default)]
    pub whole: bool,
    /// A pause follows.
    #[serde(default)]
    pub pause: bool,
    /// The device hangs up.
    #[serde(default)]
    pub finish: bool,
    /// What comes out.
    #[serde(default)]
    pub expect: Vec<Json>,
    /// How many bytes go nowhere: registrations and garbage.
    #[serde(default)]
    pub filtered: usize,
    /// What is held in the end.
    #[serde(default)]
    pub rest: String,
    /// A command, and how it goes over the wire.
    pub command: Option<String>,
    #[serde(default)]
    pub wire: String,
}

fn yes() -> bool {
    true
}

impl Sample {
    pub fn reads(&self) -> Vec<Vec<u8>> {
        self.chunks.iter().map(|chunk| bytes(chunk)).collect()
    }

    pub fn stream(&self) -> Vec<u8> {
        self.reads().concat()
    }

    /// What comes out of these reads.
    pub fn run<'a>(&self, protocol: &Protocol, reads: impl IntoIterator<Item = &'a [u8]>) -> Out {
        let reads = reads.into_iter().collect();
        let feed = Feed { reads, pause: self.pause, finish: self.finish };
        run(protocol, self.name.as_deref(), self.accept, &feed)
    }

    /// Whether what came out is what was expected.
    pub fn holds(&self, protocol: &Protocol) -> Result<(), String> {
        if let Some(command) = &self.command {
            return self.holds_command(protocol, &bytes(command));
        }
        let reads = self.reads();
        let out = self.run(protocol, reads.iter().map(Vec::as_slice));
        self.compare(&out)
    }

    pub fn compare(&self, out: &Out) -> Result<(), String> {
        let expected =
            Out { events: self.expect.clone(), filtered: self.filtered, rest: self.rest.clone() };
        match *out == expected {
            true => Ok(()),
            false => Err(format!("{}: {out:#?}\nnot {expected:#?}", self.id)),
        }
    }

    fn holds_command(&self, protocol: &Protocol, payload: &[u8]) -> Result<(), String> {
        let name = self.name.as_ref().map(|name| Name::new(name.as_bytes()).unwrap());
        let given = Given { name: name.as_ref(), now: NOW, accepted: true };
        let mut wire = Vec::new();
        let written = protocol.vocabulary().unwrap().command(payload, &given, &mut wire);
        let wire = HEXLOWER.encode(&wire);
        match written && wire == self.wire {
            true => Ok(()),
            false => Err(format!("{}: {wire}, not {}", self.id, self.wire)),
        }
    }
}

pub fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap_or_else(|fault| panic!("{hex}: {fault}"))
}

/// Where the samples lie.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/protocols")
}

/// The samples of protocol `name`; none if there are no files of them.
pub fn samples(name: &str) -> Vec<Sample> {
    let Ok(files) = fs::read_dir(folder().join(name)) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort();
    paths.iter().flat_map(|path| read(path)).collect()
}

/// The samples in a file.
pub fn read(path: &Path) -> Vec<Sample> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|fault| panic!("{path:?}: {line}: {fault}"))
    };
    fs::read_to_string(path).unwrap().lines().map(parse).collect()
}

/// Everything that is built in.
pub fn presets() -> Vec<(&'static str, Protocol)> {
    let parse = |(name, text): &(&'static str, &str)| {
        (*name, Protocol::parse(name, text).unwrap_or_else(|faults| panic!("{name}: {faults:?}")))
    };
    BUILT_IN.iter().map(parse).collect()
}

/// Holds `samples` against `protocol`, in the reads that are written, byte by byte, and in pieces.
pub fn hold(protocol: &Protocol, samples: &[Sample]) -> Result<(), String> {
    for sample in samples {
        sample.holds(protocol)?;
        if sample.whole || sample.command.is_some() {
            continue;
        }
        let stream = sample.stream();
        let bytewise = sample.run(protocol, stream.chunks(1));
        sample.compare(&bytewise).map_err(|fault| format!("byte by byte: {fault}"))?;
        for seed in 0..20 {
            let out = sample.run(protocol, pieces(&stream, seed));
            sample.compare(&out).map_err(|fault| format!("seed {seed}: {fault}"))?;
        }
    }
    Ok(())
}

/// `stream` in pieces that `seed` says.
pub fn pieces(stream: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut dice = Dice::new(seed);
    let mut reads = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (read, behind) = rest.split_at((1 + dice.below(24)).min(rest.len()));
        reads.push(read);
        rest = behind;
    }
    reads
}

#[test]
fn every_preset_reads_its_samples_in_any_pieces() {
    let held = presets().into_iter().map(|(name, protocol)| {
        hold(&protocol, &samples(name)).map_err(|fault| format!("{name}: {fault}"))
    });
    let faults: Vec<String> = held.filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
