//! `tetherd protocol run`

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::ExitCode,
};

use super::{
    bench::{Terms, play},
    json::{Connection, Line, Unreadable},
    moment,
    pieces::pieces,
    source,
};
use crate::{cli::output, config::Options, model::UnixMillis, protocol::Protocol};

pub(super) const EXAMPLES: &str = r#"Examples:
  echo '{"id":1,"chunks":["000f333536333037303432343431303133"]}' | tetherd protocol run teltonika
  tetherd protocol run gt06 --at 2026-11-20T00:00:00Z < connections.jsonl > now.jsonl
  tetherd protocol run ./pump.toml --pieces 7 < connections.jsonl | diff now.jsonl -

Exit codes: 0 done, 1 a line of the input could not be read (its line says why), 2 bad usage or a
faulty protocol file."#;

/// Longest line of the input.
const LONGEST: u64 = 64 << 20;

/// So much is read, and collected before it is written.
const BUFFER: usize = 256 << 10;

/// Arguments of `tetherd protocol run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The protocol's name, or its file
    #[arg(value_name = "NAME|FILE")]
    protocol: String,

    /// Feed each connection in random pieces of 1 to 1,000 bytes: the frames must be the same
    #[arg(long, value_name = "SEED")]
    pieces: Option<u64>,

    /// What time it is; without this option, the machine's clock
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<UnixMillis>,
}

/// Plays every connection of the input.
pub(super) fn run(args: &RunArgs, options: &Options) -> ExitCode {
    let protocol = match source::protocol("run", &args.protocol, options) {
        Ok(protocol) => protocol,
        Err(code) => return code,
    };
    let input = BufReader::with_capacity(BUFFER, io::stdin());
    let mut bench = Bench { args, protocol, out: Vec::new(), lines: 0, blank: 0, unreadable: 0 };
    match bench.run(input, &mut io::stdout().lock()) {
        Ok(()) if bench.unreadable > 0 => output::fail(&format!(
            "protocol run: {} of {} lines could not be read; the error of each says why",
            bench.unreadable,
            bench.lines - bench.blank
        )),
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failed) => output::fail(&format!("protocol run: {failed}")),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("standard input: {0}; give it lines to read")]
    Read(io::Error),
    #[error("standard output: {0}; give it somewhere to write")]
    Write(io::Error),
}

struct Bench<'a> {
    args: &'a RunArgs,
    protocol: Protocol,
    /// What is to be written.
    out: Vec<u8>,
    /// So many lines were read, and so many of these are blank, or no connection.
    lines: u64,
    blank: u64,
    unreadable: u64,
}

impl Bench<'_> {
    fn run<R: Read>(
        &mut self,
        mut input: BufReader<R>,
        output: &mut impl Write,
    ) -> Result<(), Failed> {
        let mut line = Vec::new();
        while self.next(&mut input, &mut line)? {
            // Whoever asks line by line has each answer before the next question.
            if self.out.len() >= BUFFER || !input.buffer().contains(&b'\n') {
                output.write_all(&self.out).and_then(|()| output.flush()).map_err(Failed::Write)?;
                self.out.clear();
            }
        }
        output.write_all(&self.out).and_then(|()| output.flush()).map_err(Failed::Write)
    }

    /// Plays the connection of the next line; `false` if there is none.
    fn next(&mut self, input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Failed> {
        line.clear();
        let most = LONGEST + 1;
        if input.by_ref().take(most).read_until(b'\n', line).map_err(Failed::Read)? == 0 {
            return Ok(false);
        }
        self.lines += 1;
        if line.len() as u64 == most && !line.ends_with(b"\n") {
            input.skip_until(b'\n').map_err(Failed::Read)?;
            let what = format!("has more than {} MiB; cut it in two", LONGEST >> 20);
            self.tell(&Unreadable { id: serde_json::Value::Null, what });
        } else if line.trim_ascii().is_empty() {
            self.blank += 1;
        } else {
            match Connection::read(line) {
                Ok(connection) => self.play(&connection),
                Err(unreadable) => self.tell(&unreadable),
            }
        }
        Ok(true)
    }

    fn play(&mut self, connection: &Connection) {
        let Connection { id, bytes, chunks, accept, name } = connection;
        let now = self.args.at.unwrap_or_else(UnixMillis::now);
        let terms = Terms { protocol: &self.protocol, name: name.as_ref(), accept: *accept, now };
        let mut line = Line::begin(id, bytes, &mut self.out);
        let ending = match self.args.pieces {
            None => play(terms, bytes, chunks, chunks, &mut line),
            Some(seed) => {
                let reads = pieces(bytes.len(), seed.wrapping_add(self.lines));
                play(terms, bytes, &reads, chunks, &mut line)
            }
        };
        line.end(&bytes[ending.used..], ending.error.as_deref());
    }

    fn tell(&mut self, unreadable: &Unreadable) {
        self.unreadable += 1;
        let error = format!("line {}: {}", self.lines, unreadable.what);
        Line::begin(&unreadable.id, b"", &mut self.out).end(b"", Some(&error));
    }
}
