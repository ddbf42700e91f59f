//! `tetherd run`

use std::panic::resume_unwind;
use std::process::ExitCode;

use super::output;
use crate::{
    app::{
        Ended, Gateway,
        process::{Controls, Signals, log_panics, run_until_told, system},
    },
    config::{Loaded, Options, load},
    telemetry,
};

/// Runs the gateway until it is told to stop.
pub fn run(loaded: Loaded, options: Options) -> ExitCode {
    let gateway = loaded.config.gateway.clone();
    let started = telemetry::start(&loaded.config.log, &[("gateway", &gateway)]);
    let (telemetry, guard) = match started {
        Ok(started) => started,
        Err(fault) => return output::refuse(&format!("log: {fault}")),
    };
    log_panics(&telemetry);
    for warning in &loaded.warnings {
        telemetry.config_warning(warning);
    }
    let reread = move || {
        let loaded = load(&options)?;
        loaded.runnable()?;
        Ok(loaded)
    };
    let controls = Controls { levels: guard.levels().clone(), reread: Box::new(reread) };
    let system = match system() {
        Ok(system) => system,
        Err(fault) => return output::fail(&format!("run: {fault}")),
    };
    let running = async move {
        let signals = Signals::new()?;
        let gateway = Gateway::builder(loaded).telemetry(telemetry.clone()).start().await?;
        let ended = run_until_told(gateway, signals, telemetry, Some(controls)).await;
        Ok::<_, crate::app::StartFault>(ended)
    };
    // As a task it is looked at when it is woken; what `block_on` is given, whenever anything is.
    let ended = system.block_on(async { actix_rt::spawn(running).await });
    let ended = ended.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()));
    // The log is written to its end before the process is.
    drop(guard);
    match ended {
        Ok(Ended::Asked) => ExitCode::SUCCESS,
        Ok(Ended::Failed(what)) => output::fail(&format!("run: {what}; start it afresh")),
        Err(fault) => output::fail(&format!("run: {fault}")),
    }
}
