use std::process::ExitCode;

use indicatif::{BinaryBytes, HumanCount};

use super::{folder::Folder, progress};
use crate::{
    cli::output,
    config::printable,
    spool::{Finding, Findings},
};

/// Reads everything, and says what is damaged.
pub(super) fn run(folder: &Folder) -> ExitCode {
    let (archive, _) = match folder.look() {
        Ok(looked) => looked,
        Err(code) => return code,
    };
    let bar = progress(archive.disk_bytes());
    let found = archive.check(&mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let found = match found {
        Ok(found) => found,
        Err(error) => return folder.unreadable(&error),
    };
    let shown = output::show(&page(&found));
    match found.damaged.len() {
        0 => shown,
        1 => folder.fail(format!("one part is damaged; {REMEDY}")),
        parts => folder.fail(format!("{parts} parts are damaged; {REMEDY}")),
    }
}

const REMEDY: &str = "the gateway sets aside what is damaged when it comes by, goes on behind it, \
                      and tells the gap";

fn page(found: &Findings) -> String {
    let mut text: String = found.damaged.iter().map(finding).collect();
    for (file, at) in &found.torn {
        text.push_str(&format!(
            "{file}: byte {at}: the last record was not written to its end, as after a crash; the \
             next start cuts it off\n"
        ));
    }
    let verdict = match found.damaged.is_empty() {
        true => "all as they were written",
        false => "the rest is as it was written",
    };
    let plural = if found.segments == 1 { "" } else { "s" };
    let segments = format!("{} segment{plural}", HumanCount(found.segments));
    let bytes = BinaryBytes(found.bytes);
    let events = HumanCount(found.events);
    text.push_str(&format!("{segments}, {bytes}, {events} events: {verdict}\n"));
    text
}

fn finding(finding: &Finding) -> String {
    let Finding { at, bytes, from, to, what, .. } = finding;
    let mut text = match &finding.file {
        Some(file) => format!("{}: byte {at}, {bytes} bytes: {what}", printable(file)),
        None => (*what).to_owned(),
    };
    if from < to {
        text.push_str(&format!("; offsets {from} to {} ({})", to.before(), to.since(*from)));
    }
    if finding.is_known {
        text.push_str("; known, and told as a gap");
    }
    text.push('\n');
    text
}
