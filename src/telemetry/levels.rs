use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicU8, Ordering},
    },
};

use super::{Label, Level, Module, Settings, foreign};

/// The levels in force, changed while everything runs. Clones share one table.
///
/// Asking for one of our own modules costs one atomic load. Crates that we are made with are
/// looked up by name, behind an atomic load that turns away what none of them wants.
#[derive(Clone, Debug)]
pub struct LevelControl(Arc<Table>);

#[derive(Debug)]
struct Table {
    modules: Vec<AtomicU8>,
    loudest_crate: AtomicU8,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    configured: Levels,
    current: Levels,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Levels {
    level: Level,
    named: BTreeMap<String, Level>,
}

impl Levels {
    fn of(&self, module: &str) -> Level {
        self.named.get(module).copied().unwrap_or(self.level)
    }

    /// What the crates may say that tetherd is made with: their `info` is for those who write them,
    /// and comes with our `debug`.
    fn of_crate(&self, name: &str) -> Level {
        self.named.get(name).copied().unwrap_or_else(|| self.of_other_crates())
    }

    fn of_other_crates(&self) -> Level {
        if self.level == Level::Info { Level::Warning } else { self.level }
    }

    fn loudest_crate(&self) -> Level {
        let crates = self.named.iter().filter(|(name, _)| Module::named(name).is_none());
        crates.map(|(_, level)| *level).fold(self.of_other_crates(), Ord::max)
    }
}

impl LevelControl {
    /// The levels of `settings`.
    pub fn new(settings: &Settings) -> Self {
        let configured = Levels { level: settings.level, named: settings.modules.clone() };
        let control = Self(Arc::new(Table {
            modules: Module::ALL.iter().map(|_| AtomicU8::new(0)).collect(),
            loudest_crate: AtomicU8::new(0),
            state: RwLock::new(State { current: configured.clone(), configured }),
        }));
        control.publish(control.state());
        control
    }

    /// Sets the level of one module or crate, or with `None` of all that have none of their own.
    pub fn set(&self, module: Option<&str>, level: Level) {
        self.change(|state| match module {
            Some(module) => drop(state.current.named.insert(module.to_owned(), level)),
            None => state.current.level = level,
        });
    }

    /// The level of a module or crate, or with `None` of all that have none of their own.
    pub fn get(&self, module: Option<&str>) -> Level {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        module.map_or(state.current.level, |module| state.current.of(module))
    }

    /// One step more for everything; gives the level of all that have none of their own.
    pub fn louder(&self) -> Level {
        self.change(|state| {
            let current = &mut state.current;
            current.level = current.level.louder();
            current.named.values_mut().for_each(|level| *level = level.louder());
        })
    }

    /// Back to the levels of the configuration; gives the level of all that have none of their own.
    pub fn reset(&self) -> Level {
        self.change(|state| state.current = state.configured.clone())
    }

    /// Takes a new configuration over.
    pub fn configure(&self, settings: &Settings) {
        self.change(|state| {
            state.configured = Levels { level: settings.level, named: settings.modules.clone() };
            state.current = state.configured.clone();
        });
    }

    /// Whether a record of one of our modules is wanted.
    pub fn enabled(&self, module: Module, level: Level) -> bool {
        level as u8 <= self.0.modules[module.place()].load(Ordering::Relaxed)
    }

    /// Whether a record of the crate `name` is wanted.
    pub(super) fn crate_enabled(&self, name: &str, level: Level) -> bool {
        if level as u8 > self.0.loudest_crate.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        level <= state.current.of_crate(name)
    }

    /// The most that any crate may say.
    pub(super) fn loudest_crate(&self) -> Level {
        let number = self.0.loudest_crate.load(Ordering::Relaxed);
        Level::ALL[usize::from(number)]
    }

    fn state(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Level {
        let mut state = self.state();
        change(&mut state);
        let level = state.current.level;
        self.publish(state);
        foreign::levels_changed();
        level
    }

    fn publish(&self, state: RwLockWriteGuard<'_, State>) {
        let levels = &state.current;
        for (module, cell) in Module::ALL.iter().zip(&self.0.modules) {
            cell.store(levels.of(module.as_str()) as u8, Ordering::Relaxed);
        }
        self.0.loudest_crate.store(levels.loudest_crate() as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(modules: &[(&str, Level)]) -> LevelControl {
        let modules = modules.iter().map(|(name, level)| (str::to_owned(name), *level)).collect();
        LevelControl::new(&Settings { modules, ..Settings::default() })
    }

    #[test]
    fn a_module_has_its_own_level_or_that_of_all_the_others() {
        let levels = control(&[("session", Level::Debug), ("link", Level::Error)]);
        assert!(levels.enabled(Module::Session, Level::Debug));
        assert!(!levels.enabled(Module::Session, Level::Trace));
        assert!(!levels.enabled(Module::Link, Level::Warning));
        assert!(levels.enabled(Module::Server, Level::Info));
        assert!(!levels.enabled(Module::Server, Level::Debug));
    }

    #[test]
    fn a_changed_level_holds_at_once_and_for_all_clones() {
        let levels = control(&[]);
        let clone = levels.clone();
        levels.set(Some("spool"), Level::Trace);
        assert!(clone.enabled(Module::Spool, Level::Trace));
        levels.set(None, Level::Error);
        assert!(!clone.enabled(Module::Server, Level::Warning));
        assert!(clone.enabled(Module::Spool, Level::Trace));
        assert_eq!(clone.get(Some("spool")), Level::Trace);
        assert_eq!(clone.get(None), Level::Error);
    }

    #[test]
    fn louder_raises_every_level_and_reset_returns_to_the_configured_ones() {
        let levels = control(&[("link", Level::Error)]);
        assert_eq!(levels.louder(), Level::Debug);
        assert_eq!(levels.get(Some("link")), Level::Warning);
        assert_eq!(levels.louder(), Level::Trace);
        assert_eq!(levels.louder(), Level::Trace);
        assert!(levels.enabled(Module::Session, Level::Trace));
        assert_eq!(levels.reset(), Level::Info);
        assert_eq!(levels.get(Some("link")), Level::Error);
        assert!(!levels.enabled(Module::Session, Level::Debug));
    }

    #[test]
    fn a_new_configuration_is_what_reset_returns_to() {
        let levels = control(&[]);
        levels.configure(&Settings { level: Level::Warning, ..Settings::default() });
        assert!(!levels.enabled(Module::App, Level::Info));
        levels.louder();
        assert_eq!(levels.reset(), Level::Warning);
    }

    #[test]
    fn a_crate_is_known_by_its_name() {
        let levels = control(&[("mio", Level::Trace), ("actix_rt", Level::Error)]);
        assert!(levels.crate_enabled("mio", Level::Trace));
        assert!(!levels.crate_enabled("actix_rt", Level::Warning));
        assert!(levels.crate_enabled("tokio", Level::Warning));
        assert!(!levels.crate_enabled("tokio", Level::Info), "that is for those who write it");
        levels.set(None, Level::Debug);
        assert!(levels.crate_enabled("tokio", Level::Debug));
        assert_eq!(levels.loudest_crate(), Level::Trace);
    }
}
