//! One measurement: devices, a gateway and a web server, each in a process of its own.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    contender::{Contender, Running, Tools},
    fleet::{Crowd, Fleet, Told},
    plan::Plan,
    usage::{Threads, Usage, busy, kib},
    web::{Latency, Seen, Web},
};

/// How often it is looked how far something is.
const LOOK: Duration = Duration::from_millis(20);

/// Nothing gets further for so long: it is broken, or all there is.
const STUCK: Duration = Duration::from_secs(10);

/// A gateway in front of a web server, without devices.
pub struct Stage {
    // Ended in this order: nobody is left by whom it needs.
    pub gateway: Running,
    pub web: Web,
}

impl Stage {
    /// Starts both.
    pub fn set(plan: &Plan, tools: &Tools, contender: Contender) -> Result<Self> {
        let web = Web::start()?;
        let gateway = contender.start(plan, tools, &web.address)?;
        Ok(Self { gateway, web })
    }

    /// Starts devices, and waits until the web server knows all.
    pub fn invite(mut self, crowd: Crowd) -> Result<Scene> {
        let all = u64::from(crowd.devices());
        let crowd = Crowd { address: self.gateway.address().to_owned(), ..crowd };
        let mut fleet = Fleet::start(&crowd)?;
        let came = wait(
            || Ok((fleet.told()?.registered, self.web.seen()?.online)),
            |(_, online)| *online >= all,
        )?;
        ensure!(came.1 == all, "of {all} devices {} registered and {} came online", came.0, came.1);
        Ok(Scene { gateway: self.gateway, fleet, web: self.web })
    }
}

/// Asks over and over until it is enough, or until the answer stays the same; answers the last.
pub fn wait<T: PartialEq>(
    mut ask: impl FnMut() -> Result<T>,
    is_enough: impl Fn(&T) -> bool,
) -> Result<T> {
    let mut news = (Instant::now(), ask()?);
    while !is_enough(&news.1) && news.0.elapsed() < STUCK {
        thread::sleep(LOOK);
        let told = ask()?;
        if told != news.1 {
            news = (Instant::now(), told);
        }
    }
    Ok(news.1)
}

/// All three of them.
pub struct Scene {
    // Ended in this order: nobody is left by whom it needs.
    pub gateway: Running,
    pub fleet: Fleet,
    pub web: Web,
}

/// All that is counted, at one moment.
struct Moment {
    at: Instant,
    seen: Seen,
    latency: Latency,
    told: Told,
    usage: Usage,
    gateway: Threads,
    web: f64,
    fleet: f64,
    busy: f64,
}

impl Scene {
    /// Lets the load run, and answers what it took once it had settled.
    pub fn window(&mut self, plan: &Plan) -> Result<Value> {
        self.fleet.go()?;
        thread::sleep(Duration::from_secs_f64(plan.settle));
        self.web.begin()?;
        let before = self.moment()?;
        thread::sleep(Duration::from_secs_f64(plan.seconds));
        let after = self.moment()?;
        let mut figures = figures(&before, &after);
        figures["resident_mib"] = (kib(self.gateway.id(), "VmRSS")? as f64 / 1024.0).into();
        Ok(figures)
    }

    /// Stops the load; answers how many messages were sent and how many of them did not arrive,
    /// however long they were waited for. Less than none: some arrived twice.
    pub fn lost(&mut self) -> Result<(u64, i64)> {
        self.fleet.stop()?;
        let told = wait(|| self.fleet.told(), |told| told.ended)?;
        ensure!(told.ended, "the fleet does not stop");
        ensure!(told.lost == 0, "{} devices were hung up on", told.lost);
        let sent = told.messages();
        let arrived = wait(|| Ok(self.web.seen()?.messages()), |arrived| *arrived >= sent)?;
        Ok((sent, sent as i64 - arrived as i64))
    }

    fn moment(&mut self) -> Result<Moment> {
        let id = self.gateway.id();
        let (gateway, usage) = (Threads::of(id)?, Usage::of(id)?);
        let (seen, latency) = self.web.window()?;
        Ok(Moment {
            at: Instant::now(),
            seen,
            latency,
            told: self.fleet.told()?,
            usage,
            gateway,
            web: Threads::of(self.web.id())?.seconds,
            fleet: Threads::of(self.fleet.id())?.seconds,
            busy: busy()?,
        })
    }
}

fn figures(before: &Moment, after: &Moment) -> Value {
    let seconds = (after.at - before.at).as_secs_f64();
    let messages = (after.seen.messages() - before.seen.messages()) as f64;
    let acknowledgements = after.seen.acknowledgements - before.seen.acknowledgements;
    let used = after.gateway.seconds - before.gateway.seconds;
    let ticks = after.usage - before.usage;
    let (web, fleet) = (after.web - before.web, after.fleet - before.fleet);
    // Ticks are coarse, but they know who had the processor.
    let [user, system] = [ticks.user, ticks.system].map(|part| used * part / ticks.cpu());
    json!({
        "seconds": seconds,
        "messages": messages,
        "messages_a_second": messages / seconds,
        "us_a_message": used * 1e6 / messages,
        "user_us_a_message": user * 1e6 / messages,
        "system_us_a_message": system * 1e6 / messages,
        "switches_a_message": (after.gateway.switches - before.gateway.switches) as f64 / messages,
        "messages_an_acknowledgement":
            (acknowledgements > 0).then(|| messages / acknowledgements as f64),
        "p50_us": after.latency.p50,
        "p99_us": after.latency.p99,
        "p999_us": after.latency.p999,
        "most_us": after.latency.most,
        "bytes_to_disk_a_message": ticks.written as f64 / messages,
        "bytes_to_web_a_message": (after.seen.bytes - before.seen.bytes) as f64 / messages,
        "left_out": after.told.skipped - before.told.skipped,
        "processors": used / seconds,
        "processors_of_web": web / seconds,
        "processors_of_fleet": fleet / seconds,
        "processors_of_others": (after.busy - before.busy - used - web - fleet) / seconds,
    })
}
