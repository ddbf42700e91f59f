//! Instructions of each operation, with so many sessions around it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    child::COUNTED,
    common::{process::Process, valgrind},
    operations::{A_ROUND, Operation},
};

/// Instructions of operations, by their words.
pub type Counts = BTreeMap<&'static str, f64>;

/// Counts all operations where there are so many sessions. They come with nothing being counted,
/// which is quick; counting begins behind them.
pub fn count(sessions: u32, folder: &Path) -> Result<Counts> {
    let mut counting = Counting::begin(folder.join(format!("{sessions}.callgrind")))?;
    let mut counts = Counts::new();
    counting.child.ask(&format!("grow {sessions}"))?;
    counting.child.ask("talk")?;
    counting.child.ask("deadlines")?;
    counts.insert(Operation::Deadline.as_str(), counting.count(Operation::Deadline)?);
    counting.child.ask("quiet")?;
    counting.child.ask("come-back")?;
    for operation in Operation::AGAIN {
        counts.insert(operation.as_str(), counting.count(operation)?);
    }
    Ok(counts)
}

/// A child under callgrind, which vgdb tells what to do.
struct Counting {
    child: Process,
    profile: PathBuf,
    parts: u32,
}

impl Counting {
    fn begin(profile: PathBuf) -> Result<Self> {
        let mut command = valgrind::command(&["--instr-atstart=no"], &[COUNTED], &profile)?;
        command.stderr(Stdio::null());
        let child = Process::run(command)?;
        Ok(Self { child, profile, parts: 0 })
    }

    /// Instructions of one operation, of a whole round. The round before it is not counted: what is
    /// done once and never again is done there.
    fn count(&mut self, operation: Operation) -> Result<f64> {
        let word = operation.as_str();
        self.child.ask(word)?;
        self.tell(&["instrumentation", "on"])?;
        // Or the part before this one would be taken off.
        self.tell(&["zero"])?;
        self.child.ask(word)?;
        self.tell(&["dump", word])?;
        self.tell(&["instrumentation", "off"])?;
        self.parts += 1;
        let part = format!("{}.{}", self.profile.display(), self.parts);
        let profile = fs::read_to_string(&part).with_context(|| part.clone())?;
        fs::rename(&part, self.profile.with_extension(word))?;
        let total = valgrind::total(&profile)?;
        ensure!(total > 0, "{word}: nothing was counted");
        Ok(total as f64 / A_ROUND as f64)
    }

    fn tell(&self, words: &[&str]) -> Result<()> {
        let mut vgdb = Command::new("vgdb");
        vgdb.arg(format!("--pid={}", self.child.id())).args(words);
        let output = vgdb.output().context("vgdb, which comes with valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vgdb {}: {said}", words.join(" "));
        Ok(())
    }
}
