use super::Gateway;
use crate::{
    admin::{Changed, NotReloaded, ReloadReport},
    config::{Change, Faults, Loaded},
    telemetry::{LevelControl, Module, Telemetry},
};

/// What changes while the gateway runs, at a signal or by the admin API.
pub struct Controls {
    /// The log's levels, turned by SIGUSR1 and SIGUSR2.
    pub levels: LevelControl,
    /// Reads the configuration anew; all that is wrong with it where it is refused.
    pub reread: Box<dyn Fn() -> Result<Loaded, Faults>>,
}

impl Controls {
    pub(super) fn louder(&self, telemetry: &Telemetry) {
        telemetry.level_changed(self.levels.louder());
    }

    pub(super) fn reset_levels(&self, telemetry: &Telemetry) {
        match (self.reread)() {
            Ok(loaded) => {
                self.levels.configure(&loaded.config.log);
                telemetry.level_changed(loaded.config.log.level);
            }
            Err(faults) => telemetry.failed(Module::Config, "levels not read afresh", &faults),
        }
    }

    /// All or nothing: a configuration with faults changes nothing.
    pub(super) async fn reload(
        &self,
        gateway: &mut Gateway,
        telemetry: &Telemetry,
    ) -> Result<ReloadReport, NotReloaded> {
        let refused = |faults: Vec<String>| {
            telemetry.reload_refused(&faults.join("\n"));
            NotReloaded(faults)
        };
        let loaded = (self.reread)()
            .map_err(|faults| refused(faults.0.iter().map(ToString::to_string).collect()))?;
        let (log, warnings) = (loaded.config.log.clone(), loaded.warnings.clone());
        let reloaded =
            gateway.reload(loaded).await.map_err(|fault| refused(vec![fault.to_string()]))?;
        self.levels.configure(&log);
        warnings.iter().for_each(|warning| telemetry.config_warning(warning));
        reloaded.applied.iter().for_each(|change| telemetry.setting_changed(change));
        reloaded.needs_restart.iter().for_each(|change| telemetry.needs_restart(change));
        telemetry.reloaded(reloaded.applied.len(), reloaded.needs_restart.len());
        Ok(ReloadReport {
            applied: reloaded.applied.into_iter().map(Into::into).collect(),
            needs_restart: reloaded.needs_restart.into_iter().map(Into::into).collect(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }
}

impl From<Change> for Changed {
    fn from(change: Change) -> Self {
        Self { key: change.key, before: change.before, now: change.now }
    }
}
