//! What systemd is told: that the gateway is ready, reloads and stops, how it is, and, as long as it is
//! well, that its watchdog needs not bite. Without `NOTIFY_SOCKET` nobody is told anything.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::Builder,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::sync::watch;

use super::Phase;
use crate::{health::Health, limits::Occupancy, telemetry::Telemetry};

/// How often the thread looks whether there is anything to tell; sooner, where the watchdog wants more.
const TICK: Duration = Duration::from_secs(1);

/// The number of connections is told so often.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// At the end, systemd has so long to hear what was told last.
const GRACE: Duration = Duration::from_secs(1);

/// What the thread that talks to systemd knows of the gateway.
#[derive(Clone)]
pub struct Pulse {
    pub phase: watch::Receiver<Phase>,
    pub health: Arc<Health>,
    pub occupancy: Arc<Occupancy>,
    /// The upstreams, by name.
    pub upstreams: Vec<String>,
    pub telemetry: Telemetry,
}

/// Talks to systemd from a thread of its own, since it may keep one waiting; until this is dropped.
pub struct Systemd {
    orders: Option<Sender<Order>>,
    /// Ends with the thread.
    ended: Option<Receiver<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ready,
    Reloading,
    Stopping,
}

impl Systemd {
    /// Says that the gateway is ready, if systemd wants to know.
    pub fn begin(pulse: Pulse) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self { orders: None, ended: None };
        }
        let ((give, orders), (end, ended)) = (channel(), channel());
        let telemetry = pulse.telemetry.clone();
        let teller = Teller::new(pulse);
        let work = move || {
            teller.run(&orders);
            drop::<Sender<()>>(end);
        };
        if let Err(error) = Builder::new().name("systemd".to_owned()).spawn(work) {
            telemetry.notify_failed(&error);
        }
        let systemd = Self { orders: Some(give), ended: Some(ended) };
        systemd.tell(Order::Ready);
        systemd
    }

    /// The configuration is read anew meanwhile; whatever comes of that, the gateway is ready then.
    pub async fn during<T>(&self, reload: impl Future<Output = T>) -> T {
        self.tell(Order::Reloading);
        let done = reload.await;
        self.tell(Order::Ready);
        done
    }

    /// The gateway stops.
    pub fn stopping(&self) {
        self.tell(Order::Stopping);
    }

    fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // Without the thread nobody hears, which was told when it could not be started.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(ended) = self.ended.take() {
            // A manager that hangs must not keep the process.
            let _ = ended.recv_timeout(GRACE);
        }
    }
}

struct Teller {
    pulse: Pulse,
    watchdog: Option<Watchdog>,
    status: String,
    told: Option<Instant>,
    /// What could not be told last was said already.
    is_deaf: bool,
}

struct Watchdog {
    /// Half of the time after which systemd loses patience.
    every: Duration,
    fed: Option<Instant>,
    is_starved: bool,
}

impl Teller {
    fn new(pulse: Pulse) -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|patience| Watchdog {
            every: patience / 2,
            fed: None,
            is_starved: false,
        });
        Self { pulse, watchdog, status: String::new(), told: None, is_deaf: false }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        let tick = self.watchdog.as_ref().map_or(TICK, |watchdog| TICK.min(watchdog.every / 2));
        loop {
            match orders.recv_timeout(tick) {
                Ok(order) => self.pass_on(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            self.feed(now);
            self.tell_status(now);
        }
    }

    fn pass_on(&mut self, order: Order) {
        let states = match order {
            Order::Ready => Ok(vec![NotifyState::Ready]),
            Order::Stopping => Ok(vec![NotifyState::Stopping]),
            Order::Reloading => {
                let now = NotifyState::monotonic_usec_now();
                now.map(|now| vec![NotifyState::Reloading, now])
            }
        };
        let told = states.and_then(|states| sd_notify::notify(&states));
        self.note(told);
    }

    /// Feeds the watchdog, if it is time and all is well.
    fn feed(&mut self, now: Instant) {
        let Some(watchdog) = &mut self.watchdog else { return };
        if watchdog.fed.is_some_and(|fed| now.duration_since(fed) < watchdog.every) {
            return;
        }
        let telemetry = &self.pulse.telemetry;
        if let Err(why) = self.pulse.health.verdict(now) {
            if !std::mem::replace(&mut watchdog.is_starved, true) {
                telemetry.watchdog_starved(&why);
            }
            return;
        }
        if std::mem::take(&mut watchdog.is_starved) {
            telemetry.watchdog_fed();
        }
        watchdog.fed = Some(now);
        let told = sd_notify::notify(&[NotifyState::Watchdog]);
        self.note(told);
    }

    fn tell_status(&mut self, now: Instant) {
        let phase = *self.pulse.phase.borrow();
        let is_new_phase = !self.status.starts_with(phase.as_str());
        let is_old = self.told.is_none_or(|told| now.duration_since(told) >= STATUS_EVERY);
        let status = self.pulse.status(phase);
        if status == self.status || !(is_new_phase || is_old) {
            return;
        }
        let told = sd_notify::notify(&[NotifyState::Status(&status)]);
        self.note(told);
        (self.status, self.told) = (status, Some(now));
    }

    /// Says once that systemd does not hear.
    fn note(&mut self, told: io::Result<()>) {
        let was_deaf = std::mem::replace(&mut self.is_deaf, told.is_err());
        if let (Err(error), false) = (told, was_deaf) {
            self.pulse.telemetry.notify_failed(&error);
        }
    }
}

impl Pulse {
    /// A line for people.
    fn status(&self, phase: Phase) -> String {
        let connections = self.occupancy.connections();
        let status = format!("{phase}, {connections} connections");
        let Some(witness) = self.telemetry.known_witness() else { return status };
        let is_up = |name: &&String| witness.link(name).peer.is_some();
        let up = self.upstreams.iter().filter(is_up).count();
        format!("{status}, {up} of {} links up", self.upstreams.len())
    }
}
