//! What the kernel knows of a process: processor time, bytes to disk, memory.

use std::{fs, ops::Sub};

use anyhow::{Context, Result};

/// Ticks a second in what the kernel tells of processor time, on every machine.
const TICKS: f64 = 100.0;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Seconds in its own code.
    pub user: f64,
    /// Seconds in the kernel.
    pub system: f64,
    /// Bytes of pages that it made dirty, which will go to disk (`write_bytes`).
    pub written: u64,
}

impl Usage {
    /// Of this process.
    pub fn of(id: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("it has ended")?;
        // A name may hold blanks; behind its parenthesis come numbers only.
        let (_, rest) = stat.rsplit_once(')').context("stat")?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let seconds = |at: usize| anyhow::Ok(fields[at].parse::<f64>()? / TICKS);
        let io = fs::read_to_string(format!("/proc/{id}/io"))?;
        Ok(Self {
            user: seconds(11)?,
            system: seconds(12)?,
            written: number(&io, "write_bytes:").context("write_bytes")?,
        })
    }

    /// Seconds of both kinds.
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
            written: self.written - before.written,
        }
    }
}

/// What the threads of a process have used since they began, those that have ended not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads {
    /// Seconds on a processor, to the nanosecond.
    pub seconds: f64,
    /// How often one of them gave its processor up, or lost it.
    pub switches: u64,
}

impl Threads {
    /// Of this process.
    pub fn of(id: u32) -> Result<Self> {
        let mut sum = Self::default();
        for thread in fs::read_dir(format!("/proc/{id}/task")).context("it has ended")? {
            let folder = thread?.path();
            let read = |file| fs::read_to_string(folder.join(file));
            // One may end while we look.
            let (Ok(times), Ok(status)) = (read("schedstat"), read("status")) else { continue };
            let nanoseconds = times.split(' ').next().and_then(|number| number.parse::<f64>().ok());
            sum.seconds += nanoseconds.context("schedstat")? / 1e9;
            let switches = |key| number(&status, key).context("status");
            sum.switches += switches("voluntary_ctxt_switches:")?;
            sum.switches += switches("nonvoluntary_ctxt_switches:")?;
        }
        Ok(sum)
    }
}

/// KiB of a key in `/proc/PID/status`, such as `VmRSS`, `VmHWM` or `RssAnon`.
pub fn kib(id: u32, key: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    number(&status, &format!("{key}:")).context("status")
}

/// Connections that found the queue of a listener full, on all of this machine, since it began.
pub fn overflows() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/netstat")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let [names, values] = [lines.next(), lines.next()].map(|line| line.unwrap_or_default());
    let mut all = names.split(' ').zip(values.split(' '));
    let value = all.find(|(name, _)| *name == "ListenOverflows").map(|(_, value)| value);
    Ok(value.context("ListenOverflows")?.parse()?)
}

/// Seconds that all processors together were busy since the machine began.
pub fn busy() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("stat")?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    Ok([0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum::<f64>() / TICKS)
}

fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}
