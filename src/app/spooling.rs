use std::sync::Arc;

use super::StartFault;
use crate::{
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

fn word(kind: SpoolType) -> &'static str {
    match kind {
        SpoolType::Memory => "memory",
        SpoolType::Disk => "disk",
    }
}
