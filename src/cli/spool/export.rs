use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::BytesMut;
use indicatif::{HumanCount, ProgressBar};

use super::{folder::Folder, point::Point, progress};
use crate::{
    cli::output,
    config::printable,
    link::{Encoder, Encoding, Format, Gap},
    model::Offset,
    spool::{Archive, Hole, Piece, UpstreamFacts},
};

/// So many bytes are written at a time.
const PIECE: usize = 64 << 10;

/// Arguments of `tetherd spool export`.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// The first event: an offset, a time (2026-11-20T08:00:00Z), or how long ago (2h)
    #[arg(long, value_name = "POINT")]
    from: Option<Point>,

    /// The last event: an offset, itself included, or a time or how long ago, itself excluded
    #[arg(long, value_name = "POINT")]
    to: Option<Point>,

    /// Begin with the first event that this upstream has not acknowledged
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    upstream: Option<String>,

    /// How the devices' bytes are written: base64, hex, text or buffer
    #[arg(long, default_value = "base64", value_parser = crate::cli::upstream::encoding)]
    encoding: Encoding,

    /// Write to FILE, which is made, and show the progress
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Why an export ended early.
enum Failed {
    /// The spool could not be read.
    Read(io::Error),
    /// The lines could not be written.
    Write(io::Error),
}

/// What is exported: events with offsets from `from` up to, not including, `end`.
struct Range {
    /// What the upstream has lost before `from`.
    lost: Option<Gap>,
    from: Offset,
    end: Offset,
}

/// Writes events as JSON lines.
pub(super) fn run(args: &ExportArgs, folder: &Folder) -> ExitCode {
    let (archive, _) = match folder.look() {
        Ok(looked) => looked,
        Err(code) => return code,
    };
    let range = match range(args, folder, &archive) {
        Ok(range) => range,
        Err(code) => return code,
    };
    let Some(path) = &args.output else {
        let out = io::stdout().lock();
        let is_terminal = out.is_terminal();
        let export = Export::new(args.encoding, out, ProgressBar::hidden(), is_terminal);
        return match export.run(&archive, &range, folder) {
            Err(Failed::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Err(Failed::Write(error)) => {
                folder.fail(format!("standard output: {error}; give it somewhere to write"))
            }
            Err(Failed::Read(error)) => folder.unreadable(&error),
            Ok(_) => ExitCode::SUCCESS,
        };
    };
    let bar = progress(archive.disk_bytes());
    let unwritable = |error| folder.fail(unwritable(path, &error));
    let file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) => return unwritable(error),
    };
    match Export::new(args.encoding, file, bar, false).run(&archive, &range, folder) {
        Ok(lines) => output::show(&format!(
            "wrote {} lines to {}\n",
            HumanCount(lines),
            printable(&path.display().to_string())
        )),
        Err(Failed::Write(error)) => unwritable(error),
        Err(Failed::Read(error)) => folder.unreadable(&error),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{}: is there already; name another file", path.display())
        }
        _ => format!("{}: {error}; name another file", path.display()),
    }
}

fn range(args: &ExportArgs, folder: &Folder, archive: &Archive) -> Result<Range, ExitCode> {
    let offset = |point: Point| {
        let unreadable = |error| folder.unreadable(&error);
        point.offset(archive).map_err(unreadable)
    };
    let end = match args.to {
        None => archive.end(),
        Some(Point::Offset(last)) => Offset(last.0.saturating_add(1)).min(archive.end()),
        Some(time) => offset(time)?,
    };
    let Some(name) = &args.upstream else {
        let from = args.from.map_or(Ok(archive.oldest()), offset)?;
        if from < archive.oldest() {
            folder.note(format!(
                "the oldest event that is kept is {}; it begins there",
                archive.oldest()
            ));
        }
        return Ok(Range { lost: None, from: from.max(archive.oldest()), end });
    };
    let Some(upstream) = archive.upstream(name) else {
        let known: Vec<_> = archive.upstreams().into_iter().map(|known| known.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(folder.fail(format!("there is no upstream {name:?}; there is {known}")));
    };
    Ok(Range { lost: lost(&upstream, archive), from: upstream.cursor.max(upstream.floor), end })
}

/// What the upstream is told of first: the events before its floor are gone.
fn lost(upstream: &UpstreamFacts, archive: &Archive) -> Option<Gap> {
    let (from, to) = (upstream.cursor, upstream.floor);
    let within = |hole: &Hole| hole.to.min(to).since(hole.from.max(from));
    let holes: u64 = archive.holes().iter().map(within).sum();
    let reason = upstream.floor_reason;
    (from < to).then(|| Gap { from, to: to.before(), events: to.since(from) - holes, reason })
}

struct Export<W> {
    encoder: Encoder,
    lines: BytesMut,
    count: u64,
    out: W,
    bar: ProgressBar,
    /// Control characters that JSON lets stand are escaped.
    is_terminal: bool,
}

impl<W: Write> Export<W> {
    fn new(encoding: Encoding, out: W, bar: ProgressBar, is_terminal: bool) -> Self {
        let encoder = Encoder::new(Format::JsonLines, encoding);
        Self { encoder, lines: BytesMut::new(), count: 0, out, bar, is_terminal }
    }

    /// Writes all of it; answers how many lines that were.
    fn run(mut self, archive: &Archive, range: &Range, folder: &Folder) -> Result<u64, Failed> {
        if let Some(gap) = &range.lost {
            self.gap(gap);
        }
        let mut reading = archive.read(range.from);
        while let Some(piece) = reading.next().map_err(Failed::Read)? {
            let is_over = match piece {
                Piece::Hole(hole) => self.hole(&hole, range),
                Piece::Events(block) => {
                    for (offset, event) in block.events().skip_to(range.from) {
                        if offset >= range.end {
                            break;
                        }
                        self.encoder.event(offset, &event, &mut self.lines);
                        self.count += 1;
                        if self.lines.len() >= PIECE {
                            self.flush().map_err(Failed::Write)?;
                        }
                    }
                    self.encoder.acknowledged(block.end().before());
                    block.end() >= range.end
                }
            };
            self.bar.set_position(reading.bytes());
            if is_over {
                break;
            }
        }
        self.flush().and_then(|()| self.out.flush()).map_err(Failed::Write)?;
        self.bar.finish_and_clear();
        for gone in reading.vanished() {
            let (from, to) = (gone.from, gone.to.before());
            folder.note(format!(
                "offsets {from} to {to} are not in it: every upstream had them meanwhile, and the \
                 gateway let go of them"
            ));
        }
        Ok(self.count)
    }

    fn hole(&mut self, hole: &Hole, range: &Range) -> bool {
        let end = hole.to.min(range.end);
        if hole.from < end {
            let events = Hole { to: end, ..*hole }.events_from(hole.from);
            let (from, reason) = (hole.from, hole.reason);
            self.gap(&Gap { from, to: end.before(), events, reason });
        }
        hole.to >= range.end
    }

    fn gap(&mut self, gap: &Gap) {
        self.encoder.gap(gap, &mut self.lines);
        self.count += 1;
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.is_terminal {
            true => self.out.write_all(escaped(&self.lines).as_bytes())?,
            false => self.out.write_all(&self.lines)?,
        }
        self.lines.clear();
        Ok(())
    }
}

/// JSON lets some control characters stand that a terminal would obey.
fn escaped(lines: &[u8]) -> String {
    let lines = String::from_utf8_lossy(lines);
    let mut text = String::with_capacity(lines.len());
    for letter in lines.chars() {
        match letter.is_control() && letter != '\n' {
            true => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let line = "{\"data\":\"a\u{9b}31m\u{7f}ä\"}\n";
        assert_eq!(escaped(line.as_bytes()), "{\"data\":\"a\\u009b31m\\u007fä\"}\n");
    }
}
