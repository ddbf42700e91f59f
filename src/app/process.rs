//! What only the program does, and no library: signals, the log of the process, panics.

use std::panic;

use actix_rt::{System, SystemRunner};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

pub use super::controls::Controls;
use super::{Ended, Gateway, GatewayBuilder, StartFault, lifecycle::Hurry, systemd::Systemd};
use crate::{
    admin::ReloadWish,
    net::raise_descriptor_limit,
    telemetry::{Module, Telemetry},
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT: stop in order; the second time, at once.
    Stop,
    /// SIGHUP: read the configuration anew, and take over what can be while running.
    Reload,
    /// SIGUSR1: log more.
    Louder,
    /// SIGUSR2: log as the configuration says, read afresh.
    Reset,
}

/// The signals of the process, from the moment this exists.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    louder: Signal,
    reset: Signal,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// What the system said.
    pub fn new() -> Result<Self, StartFault> {
        let take = |kind| {
            signal(kind).map_err(|error| StartFault::System { what: "taking a signal", error })
        };
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
            louder: take(SignalKind::user_defined1())?,
            reset: take(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next one; answers its name and what it asks for.
    pub async fn next(&mut self) -> (&'static str, Asked) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", Asked::Stop),
            _ = self.interrupt.recv() => ("SIGINT", Asked::Stop),
            _ = self.hangup.recv() => ("SIGHUP", Asked::Reload),
            _ = self.louder.recv() => ("SIGUSR1", Asked::Louder),
            _ = self.reset.recv() => ("SIGUSR2", Asked::Reset),
        }
    }
}

/// Fewer descriptors than this are too few to serve anybody.
const LEAST_DESCRIPTORS: usize = 64;

/// The system that everything runs in, on this thread. The descriptor limit is raised as far as it
/// goes.
///
/// # Errors
/// Too few descriptors, or what the system said.
pub fn system() -> Result<SystemRunner, StartFault> {
    let limit = raise_descriptor_limit();
    if limit < LEAST_DESCRIPTORS {
        return Err(StartFault::Descriptors { limit, least: LEAST_DESCRIPTORS });
    }
    let failed = |error| StartFault::System { what: "starting the runtime", error };
    let runtime = actix_rt::Runtime::new().map_err(failed)?;
    Ok(System::with_tokio_rt(|| runtime))
}

/// Why a gateway did not run until it was told to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartFault),
    /// A part crashed too often.
    #[error("{0}; start it afresh")]
    Failed(String),
}

/// Starts a gateway, calls `started` once devices are accepted, and runs it until SIGTERM or
/// SIGINT; then it stops in order, at once at a second signal. All that a program around a gateway
/// of its own needs.
///
/// # Errors
/// It could not be started, or a part of it failed.
pub async fn serve(
    builder: GatewayBuilder,
    started: impl FnOnce(&Gateway),
) -> Result<(), ServeFault> {
    let signals = Signals::new()?;
    let telemetry = builder.telemetry.clone();
    let gateway = builder.start().await?;
    started(&gateway);
    match run_until_told(gateway, signals, telemetry, None).await {
        Ended::Asked => Ok(()),
        Ended::Failed(what) => Err(ServeFault::Failed(what)),
    }
}

/// Runs a gateway until a signal says stop or a part fails, and stops it in order. Without `controls`
/// other signals change nothing. systemd is told of all that, where it wants to know.
pub async fn run_until_told(
    mut gateway: Gateway,
    mut signals: Signals,
    telemetry: Telemetry,
    controls: Option<Controls>,
) -> Ended {
    let mut wishes = controls.as_ref().and_then(|_| gateway.reload_wishes());
    let systemd = Systemd::begin(gateway.pulse());
    let ended = loop {
        tokio::select! {
            failure = gateway.failed() => break Ended::Failed(failure),
            Some(wish) = next_wish(&mut wishes) => {
                let Some(controls) = &controls else { continue };
                let done = systemd.during(controls.reload(&mut gateway, &telemetry)).await;
                // Whoever asked may have lost patience.
                let _ = wish.answer.send(done);
            }
            (name, asked) = signals.next() => {
                telemetry.signal(name);
                match (asked, &controls) {
                    (Asked::Stop, _) => break Ended::Asked,
                    // Whoever sends a signal reads the log.
                    (Asked::Reload, Some(controls)) => {
                        drop(systemd.during(controls.reload(&mut gateway, &telemetry)).await);
                    }
                    (Asked::Reload, None) => systemd.during(async {}).await,
                    (Asked::Louder, Some(controls)) => controls.louder(&telemetry),
                    (Asked::Reset, Some(controls)) => controls.reset_levels(&telemetry),
                    (Asked::Louder | Asked::Reset, None) => {}
                }
            }
        }
    };
    // Whoever still asks for another configuration is told that there will be none.
    drop(wishes);
    systemd.stopping();
    let (done, stopped) = mpsc::channel::<()>(1);
    actix_rt::spawn(hurry_at_second_signal(signals, gateway.hurry(), telemetry, done));
    gateway.stop().await;
    drop((stopped, systemd));
    ended
}

async fn next_wish(wishes: &mut Option<mpsc::Receiver<ReloadWish>>) -> Option<ReloadWish> {
    wishes.as_mut()?.recv().await
}

async fn hurry_at_second_signal(
    mut signals: Signals,
    hurry: Hurry,
    telemetry: Telemetry,
    stopped: mpsc::Sender<()>,
) {
    loop {
        tokio::select! {
            () = stopped.closed() => return,
            (name, asked) = signals.next() => {
                telemetry.signal(name);
                if asked == Asked::Stop {
                    hurry.up();
                }
            }
        }
    }
}

/// Sends panics to the log, with their place, instead of to standard error: supervision tells what
/// came of them.
pub fn log_panics(telemetry: &Telemetry) {
    let telemetry = telemetry.clone();
    panic::set_hook(Box::new(move |panic| {
        telemetry.failed(Module::Supervision, "panic", panic);
    }));
}
