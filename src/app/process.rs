//! What only the program does, and no library: signals, the log of the process, panics.

use std::panic;

use actix_rt::{System, SystemRunner};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{Ended, Gateway, GatewayBuilder, StartFault, lifecycle::Hurry, systemd::Systemd};
use crate::{
    config::Loaded,
    net::raise_descriptor_limit,
    telemetry::{LevelControl, Module, Telemetry},
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

/// What signals change while the gateway runs.
pub struct Controls {
    /// The log's levels, turned by SIGUSR1 and SIGUSR2.
    pub levels: LevelControl,
    /// Reads the configuration anew; all that is wrong with it where it is refused.
    pub reread: Box<dyn Fn() -> Result<Loaded, String>>,
}

impl Controls {
    async fn turn(&self, asked: Asked, gateway: &mut Gateway, telemetry: &Telemetry) {
        match asked {
            Asked::Stop => {}
            Asked::Louder => telemetry.level_changed(self.levels.louder()),
            Asked::Reset => self.reset_levels(telemetry),
            Asked::Reload => self.reload(gateway, telemetry).await,
        }
    }

    fn reset_levels(&self, telemetry: &Telemetry) {
        match (self.reread)() {
            Ok(loaded) => {
                self.levels.configure(&loaded.config.log);
                telemetry.level_changed(loaded.config.log.level);
            }
            Err(fault) => telemetry.failed(Module::Config, "levels not read afresh", &fault),
        }
    }

    /// All or nothing: a configuration with faults changes nothing.
    async fn reload(&self, gateway: &mut Gateway, telemetry: &Telemetry) {
        let loaded = match (self.reread)() {
            Ok(loaded) => loaded,
            Err(faults) => return telemetry.reload_refused(&faults),
        };
        let (log, warnings) = (loaded.config.log.clone(), loaded.warnings.clone());
        match gateway.reload(loaded).await {
            Ok(reloaded) => {
                self.levels.configure(&log);
                warnings.iter().for_each(|warning| telemetry.config_warning(warning));
                reloaded.applied.iter().for_each(|change| telemetry.setting_changed(change));
                reloaded.needs_restart.iter().for_each(|change| telemetry.needs_restart(change));
                telemetry.reloaded(reloaded.applied.len(), reloaded.needs_restart.len());
            }
            Err(fault) => telemetry.reload_refused(&fault),
        }
    }
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
    let systemd = Systemd::begin(gateway.pulse());
    let ended = loop {
        tokio::select! {
            failure = gateway.failed() => break Ended::Failed(failure),
            (name, asked) = signals.next() => {
                telemetry.signal(name);
                match asked {
                    Asked::Stop => break Ended::Asked,
                    Asked::Louder | Asked::Reset | Asked::Reload => {
                        if asked == Asked::Reload {
                            systemd.reloading();
                        }
                        if let Some(controls) = &controls {
                            controls.turn(asked, &mut gateway, &telemetry).await;
                        }
                        if asked == Asked::Reload {
                            systemd.ready();
                        }
                    }
                }
            }
        }
    };
    systemd.stopping();
    let (done, stopped) = mpsc::channel::<()>(1);
    actix_rt::spawn(hurry_at_second_signal(signals, gateway.hurry(), telemetry, done));
    gateway.stop().await;
    drop((stopped, systemd));
    ended
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
