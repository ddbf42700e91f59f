//! What the developer reads.

use std::{
    fmt::Display,
    io::{self, Write},
};

use super::{TestArgs, gateway::Gateway};

/// Writes each check as it is done, and counts them.
pub(super) struct Report<W> {
    out: W,
    passed: u32,
    failed: u32,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, passed: 0, failed: 0 }
    }

    /// Says what is about to happen.
    pub(super) fn begin(&mut self, gateway: &Gateway, args: &TestArgs) -> io::Result<()> {
        let (name, address) = (gateway.script.gateway(), args.address.to_string());
        let address = address.escape_debug();
        if args.accept {
            writeln!(
                self.out,
                "Playing the gateway {name:?}, waiting for a web server at {address}"
            )?;
        } else {
            writeln!(self.out, "Playing the gateway {name:?} for the web server at {address}")?;
        }
        let patience = args.patience;
        writeln!(self.out, "An acknowledgement may take {patience}; --patience changes that.\n")?;
        self.out.flush()
    }

    /// A check passed.
    pub(super) fn passed(&mut self, what: &str) -> io::Result<()> {
        self.passed += 1;
        writeln!(self.out, "ok      {what}")?;
        self.out.flush()
    }

    /// A check failed: why, and what to fix.
    pub(super) fn failed(&mut self, what: &str, why: &dyn Display, fix: &str) -> io::Result<()> {
        self.failed += 1;
        writeln!(self.out, "FAILED  {what}")?;
        writeln!(self.out, "        seen: {why}")?;
        writeln!(self.out, "        fix:  {fix}")?;
        self.out.flush()
    }

    /// A line between the checks.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "        {text}")
    }

    /// Says what only the developer can check, and the result: whether every check passed.
    pub(super) fn end(&mut self, gateway: &Gateway) -> io::Result<bool> {
        let all = self.passed + self.failed;
        let numbers = gateway.script.numbers();
        if numbers > 0 && gateway.is_settled() {
            let sum = numbers * (numbers + 1) / 2;
            let (name, events) = (gateway.script.gateway(), gateway.script.lines().len());
            writeln!(
                self.out,
                "\nOnly you can see whether something was lost or doubled. Of the gateway"
            )?;
            writeln!(self.out, "{name:?} you must have, once each:")?;
            writeln!(
                self.out,
                "  {numbers} data events, whose data are the numbers 1 to {numbers} (spaces in front), sum {sum}"
            )?;
            writeln!(self.out, "  {events} events of all kinds, each with an offset of its own")?;
            writeln!(self.out, "  {} as the last offset", gateway.script.last())?;
            writeln!(self.out, "More means doubled, fewer means lost.")?;
        }
        if numbers > 0 && !gateway.is_settled() {
            writeln!(
                self.out,
                "\nWhat your web server must have in the end is told once it acknowledges everything."
            )?;
        }
        let verdict = if self.failed == 0 { "all ok" } else { "not ready yet" };
        let Self { passed, failed, .. } = self;
        writeln!(self.out, "\n{all} checks, {passed} ok, {failed} FAILED: {verdict}")?;
        self.out.flush()?;
        Ok(self.failed == 0)
    }
}
