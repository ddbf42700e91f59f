use std::sync::Arc;

use super::StartFault;
use crate::{
    commands::{self, Keeper, Limits, Now},
    model::UnixMillis,
    spool::{DiskSettings, DiskSpool, MemorySpool, Settings, Spool, SpoolType, SystemFiles},
    telemetry::Telemetry,
};

/// Opens the spool that the settings ask for, before anything else runs: what an earlier process has
/// left is put in order here.
pub fn open_spool(
    settings: &Settings,
    telemetry: &Telemetry,
) -> Result<Arc<dyn Spool>, StartFault> {
    let spool: Arc<dyn Spool> = match settings.kind {
        SpoolType::Memory => Arc::new(MemorySpool::new(settings)),
        SpoolType::Disk => {
            let files = Arc::new(SystemFiles::claim(&settings.path)?);
            let opened = DiskSpool::open(files, DiskSettings::from(settings), telemetry.clone());
            let path = settings.path.clone();
            Arc::new(opened.map_err(|fault| StartFault::Spool { path, fault })?)
        }
    };
    telemetry.spool_opened(word(settings.kind), spool.was_clean(), spool.next());
    Ok(spool)
}

/// The folder of the commands' journal, in the spool's.
const COMMANDS: &str = "commands";

/// Opens the journal of commands beside the spool; beside a memory spool there is none. `clean` says
/// that the process before stopped in order.
pub fn open_commands(
    settings: &commands::Settings,
    spool: Option<&Settings>,
    clean: bool,
    telemetry: &Telemetry,
) -> Result<Keeper, StartFault> {
    let limits = Limits::from(settings);
    let Some(spool) = spool.filter(|spool| spool.kind == SpoolType::Disk) else {
        telemetry.commands_opened(false, 0, 0);
        return Ok(Keeper::in_memory(limits));
    };
    let path = spool.path.join(COMMANDS);
    let files = Arc::new(SystemFiles::claim(&path).map_err(StartFault::CommandsFolder)?);
    let now = Now { wall: UnixMillis::now(), clock: std::time::Instant::now() };
    let opened = Keeper::open(limits, files, clean, now);
    let (keeper, found) = opened.map_err(|error| StartFault::Commands { path, error })?;
    if let Some(torn) = found.torn {
        telemetry.commands_torn(torn.at, torn.bytes);
    }
    telemetry.commands_opened(true, found.waiting, found.remembered);
    Ok(keeper)
}

fn word(kind: SpoolType) -> &'static str {
    match kind {
        SpoolType::Memory => "memory",
        SpoolType::Disk => "disk",
    }
}
