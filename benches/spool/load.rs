//! One measurement under load: devices, a subject, a web server, each in a process of its own.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{
    Plan,
    fleet::{Devices, Pace},
    subject::Subject,
    usage::{Usage, busy, kib},
    web::{Seen, Web},
};

/// Nothing takes longer to get going, unless it is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// So long the load runs before anything is measured.
const SETTLE: Duration = Duration::from_secs(3);

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Who.
    pub subject: Subject,
    /// Under which load.
    pub pace: Pace,
    /// Seconds it took.
    pub seconds: f64,
    /// Writes of devices that arrived.
    pub writes: f64,
    /// Lines at the web server.
    pub lines: u64,
    /// What the subject used.
    pub usage: Usage,
    /// Bytes at the web server.
    pub out: u64,
    /// Acknowledgements of the web server.
    pub acknowledgements: u64,
    /// KiB that the subject had resident at the end.
    pub resident: u64,
    /// Processors that others had meanwhile, who have nothing to do with it.
    pub others: f64,
}

/// All that is counted, at one moment.
struct Moment {
    at: Instant,
    seen: Seen,
    sent: u64,
    subject: Usage,
    ours: f64,
    busy: f64,
}

impl Run {
    /// Starts everything, lets it settle, measures, and ends everything.
    pub fn measure(subject: Subject, pace: Pace, plan: &Plan) -> Result<Self> {
        let mut web = Web::start()?;
        let running = subject.start(plan, &web.address)?;
        let mut devices = Devices::start(running.address(), &pace)?;
        let begun = Instant::now();
        while devices.sent()?.0 < u64::from(pace.devices) {
            if begun.elapsed() > LIMIT {
                bail!("the devices do not come online");
            }
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(SETTLE);
        let mut moment = || -> Result<Moment> {
            let subject = Usage::of(running.id())?;
            let (seen, sent) = (web.seen()?, devices.sent()?.1);
            let ours = subject.cpu() + Usage::of(web.id())?.cpu() + Usage::of(devices.id())?.cpu();
            Ok(Moment { at: Instant::now(), seen, sent, subject, ours, busy: busy()? })
        };
        let before = moment()?;
        thread::sleep(Duration::from_secs_f64(plan.seconds));
        let after = moment()?;
        let lines = after.seen.lines - before.seen.lines;
        let sent = after.sent - before.sent;
        let run = Self {
            subject,
            pace,
            seconds: (after.at - before.at).as_secs_f64(),
            writes: sent as f64,
            lines,
            usage: after.subject - before.subject,
            out: after.seen.bytes - before.seen.bytes,
            acknowledgements: after.seen.acknowledgements - before.seen.acknowledgements,
            resident: kib(running.id(), "VmRSS")?,
            others: ((after.busy - before.busy) - (after.ours - before.ours))
                / (after.at - before.at).as_secs_f64(),
        };
        run.tell();
        Ok(run)
    }

    /// Lines of devices that were delivered: what has several of them in one event counts as
    /// several.
    pub fn delivered(&self) -> f64 {
        match self.subject {
            Subject::Rsyslog => self.lines as f64,
            _ => (self.lines * self.pace.lines as u64) as f64,
        }
    }

    /// Events at the web server a second.
    pub fn rate(&self) -> f64 {
        self.lines as f64 / self.seconds
    }

    /// Microseconds of processor time for an event at the web server.
    pub fn cost(&self) -> f64 {
        self.usage.cpu() * 1e6 / self.lines as f64
    }

    /// As the results hold it.
    pub fn json(&self) -> Value {
        json!({
            "subject": self.subject.name(),
            "lines_a_write": self.pace.lines,
            "seconds": self.seconds,
            "writes_sent": self.writes,
            "events_delivered": self.lines,
            "lines_delivered": self.delivered(),
            "cpu_user_s": self.usage.user,
            "cpu_system_s": self.usage.system,
            "written_to_disk": self.usage.written,
            "bytes_to_web_server": self.out,
            "acknowledgements": self.acknowledgements,
            "resident_kib": self.resident,
            "processors_of_others": self.others,
        })
    }

    fn tell(&self) {
        eprintln!(
            "  {:8} {} a write: {:6.0} events/s, {:5.2} us an event ({:4.1} % user), {:4.1} MB to \
             disk, {:.1} events an ack, others {:.2}",
            self.subject.name(),
            self.pace.lines,
            self.rate(),
            self.cost(),
            100.0 * self.usage.user / self.usage.cpu(),
            self.usage.written as f64 / 1e6,
            self.lines as f64 / self.acknowledgements.max(1) as f64,
            self.others,
        );
    }
}
