//! Instructions of each operation, with so many sessions around it.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    child::{Child, Grown},
    operations::{A_ROUND, Operation},
    valgrind,
};

/// Counts all operations where there are so many sessions. They come with nothing being counted,
/// which is quick; counting begins behind them.
pub fn count(sessions: u32, folder: &Path) -> Result<BTreeMap<&'static str, f64>> {
    let profile = folder.join(format!("{sessions}.callgrind"));
    let mut valgrind = Valgrind::start(&profile)?;
    let _: Grown = valgrind.child.ask(&format!("grow {sessions}"))?;
    let _: u64 = valgrind.child.ask("talk")?;
    valgrind.child.ask::<()>("deadlines")?;
    let mut counts = BTreeMap::new();
    counts.insert(Operation::Deadline.as_str(), valgrind.count(Operation::Deadline)?);
    valgrind.child.ask::<()>("quiet")?;
    for operation in Operation::AGAIN {
        counts.insert(operation.as_str(), valgrind.count(operation)?);
    }
    Ok(counts)
}

/// A child under callgrind, told by vgdb what to do.
struct Valgrind<'a> {
    child: Child,
    profile: &'a Path,
    parts: u32,
}

impl<'a> Valgrind<'a> {
    fn start(profile: &'a Path) -> Result<Self> {
        let mut command = valgrind::command(&["--instr-atstart=no"], &[], profile)?;
        command.stderr(Stdio::null());
        Ok(Self { child: Child::run(command)?, profile, parts: 0 })
    }

    /// Instructions of one operation, of a whole round. The round before it is not counted: what is
    /// done once and never again is done there.
    fn count(&mut self, operation: Operation) -> Result<f64> {
        self.round(operation)?;
        self.tell(&["instrumentation", "on"])?;
        self.tell(&["zero"])?;
        self.round(operation)?;
        self.tell(&["dump", operation.as_str()])?;
        self.tell(&["instrumentation", "off"])?;
        self.parts += 1;
        let part = format!("{}.{}", self.profile.display(), self.parts);
        let profile = fs::read_to_string(&part).with_context(|| part.clone())?;
        let named = self.profile.with_extension(operation.as_str());
        fs::rename(&part, named)?;
        let total = valgrind::total(&profile)?;
        ensure!(total > 0, "{}: nothing was counted", operation.as_str());
        Ok(total as f64 / A_ROUND as f64)
    }

    fn round(&mut self, operation: Operation) -> Result<()> {
        let _: std::time::Duration = self.child.ask(operation.as_str())?;
        Ok(())
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
