use std::{io, path::Path, process::ExitCode};

use indicatif::{BinaryBytes, HumanCount};
use serde_json::{Value, json};

use super::folder::Folder;
use crate::{
    cli::output,
    config::printable,
    model::UnixMillis,
    spool::{Archive, Condition, Holder, Hole, UpstreamFacts},
};

/// Most rows of holes and of files; what is more is counted.
const MOST_ROWS: usize = 20;

/// Arguments of `tetherd spool inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// Write one JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// Shows what is kept.
pub(super) fn run(args: &InspectArgs, folder: &Folder) -> ExitCode {
    let (archive, holder) = match folder.look() {
        Ok(looked) => looked,
        Err(code) => return code,
    };
    let view = match View::of(folder, &archive, holder) {
        Ok(view) => view,
        Err(error) => return folder.unreadable(&error),
    };
    match args.json {
        true => output::show(&format!("{:#}\n", view.as_json())),
        false => output::show(&view.as_page()),
    }
}

struct View<'a> {
    path: &'a Path,
    configured: Option<&'a [String]>,
    archive: &'a Archive,
    pid: Option<u32>,
    oldest: Option<UnixMillis>,
    newest: Option<UnixMillis>,
}

impl<'a> View<'a> {
    fn of(folder: &'a Folder, archive: &'a Archive, holder: Option<Holder>) -> io::Result<Self> {
        Ok(Self {
            path: &folder.path,
            configured: folder.configured.as_deref(),
            archive,
            pid: holder.and_then(|holder| holder.pid),
            oldest: archive.time_of(archive.oldest())?,
            newest: archive.newest_time()?,
        })
    }

    fn as_json(&self) -> Value {
        let archive = self.archive;
        let time = |time: Option<UnixMillis>| time.map(|time| time.to_string());
        let upstreams = archive.upstreams().into_iter().map(|upstream| {
            let ledger = upstream.ledger;
            json!({
                "name": upstream.name,
                "configured": self.is_configured(&upstream),
                "received": ledger.received,
                "delivered": ledger.delivered,
                "waiting": ledger.waiting,
                "dropped": ledger.dropped,
                "cursor": upstream.cursor,
                "floor": upstream.floor,
                "floor_reason": (ledger.dropped > 0).then_some(upstream.floor_reason),
            })
        });
        let holes = archive.holes().into_iter().map(|hole| {
            let events = hole.events_from(hole.from);
            let to = hole.to.before();
            json!({ "from": hole.from, "to": to, "events": events, "reason": hole.reason })
        });
        let quarantine = archive.quarantine().into_iter();
        let quarantine = quarantine.map(|(file, bytes)| json!({ "file": file, "bytes": bytes }));
        json!({
            "path": self.path.display().to_string(),
            "id": archive.id(),
            "format": archive.format(),
            "condition": archive.condition().to_string(),
            "pid": self.pid,
            "oldest": archive.oldest(),
            "next": archive.next(),
            "reserved": archive.reserved(),
            "segments": archive.segments().len(),
            "bytes": archive.disk_bytes(),
            "oldest_time": time(self.oldest),
            "newest_time": time(self.newest),
            "upstreams": upstreams.collect::<Vec<_>>(),
            "holes": holes.collect::<Vec<_>>(),
            "quarantine": quarantine.collect::<Vec<_>>(),
        })
    }

    fn is_configured(&self, upstream: &UpstreamFacts) -> Option<bool> {
        self.configured.map(|names| names.contains(&upstream.name))
    }

    fn as_page(&self) -> String {
        let archive = self.archive;
        let mut text = String::new();
        let mut fact = |what: &str, value: String| {
            text.push_str(&format!("{what:<11}{}\n", printable(&value)));
        };
        fact("folder", self.path.display().to_string());
        let id = archive.id().unwrap_or("lost");
        fact("spool", format!("{id}, format {}", archive.format()));
        fact("condition", self.condition());
        let segments = archive.segments().len() as u64;
        let bytes = BinaryBytes(archive.disk_bytes());
        fact("segments", format!("{}, {bytes} on disk", HumanCount(segments)));
        match (self.oldest, self.newest) {
            (Some(oldest), Some(newest)) => {
                fact("oldest", format!("{}  {oldest}", archive.oldest()));
                fact("newest", format!("{}  {newest}", archive.end().before()));
            }
            _ => fact("events", "none is kept".to_owned()),
        }
        let reserved = archive.reserved();
        let reserved = reserved.map_or(String::new(), |end| format!(", reserved below {end}"));
        fact("next", format!("{}{reserved}", archive.next()));
        self.add_upstreams(&mut text);
        self.add_holes(&mut text);
        self.add_quarantine(&mut text);
        text
    }

    fn condition(&self) -> String {
        let pid =
            self.pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        match self.archive.condition() {
            Condition::Running => {
                format!("in use by {pid}; this is what it has stored, at most 200 ms ago")
            }
            Condition::Clean => "stopped in good order".to_owned(),
            Condition::Unclean => "stopped without notice; the next start puts it right".to_owned(),
            Condition::StateLost => {
                "who has read how far is lost; every upstream begins with the oldest event"
                    .to_owned()
            }
        }
    }

    fn add_upstreams(&self, text: &mut String) {
        let upstreams = self.archive.upstreams();
        if upstreams.is_empty() {
            return;
        }
        let header =
            ["upstream", "received", "= delivered", "+ waiting", "+ dropped", "goes on at"];
        let mut rows = vec![header.map(str::to_owned)];
        for upstream in &upstreams {
            let ledger = upstream.ledger;
            let count = |count: u64| HumanCount(count).to_string();
            rows.push([
                printable(&upstream.name),
                count(ledger.received),
                count(ledger.delivered),
                count(ledger.waiting),
                count(ledger.dropped),
                upstream.cursor.max(upstream.floor).to_string() + &self.remark(upstream),
            ]);
        }
        text.push('\n');
        text.push_str(&table(&rows));
    }

    fn remark(&self, upstream: &UpstreamFacts) -> String {
        let mut remark = String::new();
        if upstream.ledger.dropped > 0 {
            let (floor, why) = (upstream.floor, upstream.floor_reason);
            if floor > upstream.cursor {
                remark.push_str(&format!("  lost what is before {floor}: {why}"));
            }
        }
        if self.is_configured(upstream) == Some(false) {
            remark.push_str("  not configured: tetherd spool forget lets go of it");
        }
        remark
    }

    fn add_holes(&self, text: &mut String) {
        let holes = self.archive.holes();
        let row = |hole: &Hole| {
            let events = HumanCount(hole.events_from(hole.from)).to_string();
            let (from, to) = (hole.from.to_string(), hole.to.before().to_string());
            [from, to, events, hole.reason.to_string()]
        };
        let rows = holes.iter().map(row).collect();
        add_rows(text, ["no events from", "to", "lost", "reason"], rows);
    }

    fn add_quarantine(&self, text: &mut String) {
        let files = self.archive.quarantine();
        let row =
            |(file, bytes): &(String, u64)| [printable(file), BinaryBytes(*bytes).to_string()];
        add_rows(text, ["set aside as damaged", "size"], files.iter().map(row).collect());
    }
}

fn add_rows<const N: usize>(text: &mut String, header: [&str; N], all: Vec<[String; N]>) {
    if all.is_empty() {
        return;
    }
    let more = all.len().saturating_sub(MOST_ROWS);
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(all.into_iter().take(MOST_ROWS));
    text.push('\n');
    text.push_str(&table(&rows));
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
}

/// Rows in columns: the first to the left, numbers to the right, the last as it comes.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            match column {
                0 => text.push_str(&format!("{cell:<width$}")),
                _ if column + 1 == N => text.push_str(&format!("  {cell}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
