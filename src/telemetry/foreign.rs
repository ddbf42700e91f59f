//! The `log` and `tracing` records of the crates that we are made with, sent through our drain.
//!
//! `log` knows one receiver a process. It is installed once and passes on to the gateway that
//! started last and still runs; without one, and where a user's own logger was there first,
//! nothing happens. (`tracing` hands its records to `log` as long as nobody subscribes to them.)

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use slog::{OwnedKVList, Record, RecordLocation, RecordStatic};

use super::{Level, LevelControl, entry, gate::Sink};

static BRIDGE: Bridge = Bridge::new();

struct Bridge {
    routes: RwLock<Vec<Arc<Route>>>,
    installed: AtomicBool,
}

struct Route {
    levels: LevelControl,
    sink: Sink,
    values: OwnedKVList,
}

/// Keeps a gateway's route open.
pub(super) struct Open {
    bridge: &'static Bridge,
    route: Arc<Route>,
}

/// Sends foreign records to `sink` from now on, until the answer is dropped.
pub(super) fn open(levels: LevelControl, sink: Sink, values: OwnedKVList) -> Open {
    if log::set_logger(&BRIDGE).is_ok() {
        BRIDGE.installed.store(true, Ordering::Release);
    }
    BRIDGE.open(Route { levels, sink, values })
}

impl Drop for Open {
    fn drop(&mut self) {
        self.bridge.change(|routes| routes.retain(|route| !Arc::ptr_eq(route, &self.route)));
    }
}

/// Tells `log` anew what may be worth making.
pub(super) fn levels_changed() {
    BRIDGE.change(|_| ());
}

impl Bridge {
    const fn new() -> Self {
        Self { routes: RwLock::new(Vec::new()), installed: AtomicBool::new(false) }
    }

    fn open(&'static self, route: Route) -> Open {
        let route = Arc::new(route);
        self.change(|routes| routes.push(Arc::clone(&route)));
        Open { bridge: self, route }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Route>>)) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut routes);
        if self.installed.load(Ordering::Acquire) {
            let loudest = routes.last().map(|route| route.levels.loudest_crate());
            log::set_max_level(loudest.map_or(log::LevelFilter::Off, filter));
        }
    }

    fn wanted(&self, metadata: &log::Metadata) -> Option<Arc<Route>> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let route = routes.last()?;
        let wanted =
            route.levels.crate_enabled(crate_of(metadata.target()), level(metadata.level()));
        wanted.then(|| Arc::clone(route))
    }
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        self.wanted(metadata).is_some()
    }

    fn log(&self, record: &log::Record) {
        let Some(route) = self.wanted(record.metadata()) else { return };
        let location = RecordLocation {
            file: record.file_static().unwrap_or_default(),
            line: record.line().unwrap_or_default(),
            column: 0,
            function: "",
            module: record.module_path_static().unwrap_or_default(),
        };
        let level = level(record.level()).into();
        let fixed = RecordStatic { location: &location, tag: "", level };
        let kv = slog::b!("target" => record.target());
        let foreign = Record::new(&fixed, record.args(), kv);
        // The sink cannot fail: its error has no values.
        let _ = entry::pass_on(&*route.sink, crate_of(record.target()), &foreign, &route.values);
    }

    fn flush(&self) {}
}

/// The crate that stands at the head of a target, such as `mio` in `mio::poll`.
fn crate_of(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}

fn filter(level: Level) -> log::LevelFilter {
    match level {
        Level::Error => log::LevelFilter::Error,
        Level::Warning => log::LevelFilter::Warn,
        Level::Info => log::LevelFilter::Info,
        Level::Debug => log::LevelFilter::Debug,
        Level::Trace => log::LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use log::Log as _;
    use slog::o;

    use super::*;
    use crate::telemetry::{Log, Records, recorder};

    fn opened(bridge: &'static Bridge) -> (Log, Records, Open) {
        let (log, records) = recorder();
        let (levels, sink) = (log.levels().clone(), Arc::new(records.clone()));
        let values = o!("gateway" => "plant-7").into();
        let open = bridge.open(Route { levels, sink, values });
        (log, records, open)
    }

    fn tell(bridge: &Bridge, level: log::Level, target: &str) {
        let mut record = log::Record::builder();
        bridge.log(&record.level(level).target(target).args(format_args!("a\x1bb")).build());
    }

    #[test]
    fn a_foreign_record_carries_its_crate_its_target_and_the_gateways_keys() {
        let bridge: &'static Bridge = Box::leak(Box::new(Bridge::new()));
        tell(bridge, log::Level::Error, "nobody::listens");
        let (_log, records, _open) = opened(bridge);
        tell(bridge, log::Level::Debug, "some_crate::part");
        let all = records.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].module.as_str(), all[0].level), ("some_crate", Level::Debug));
        assert_eq!(all[0].message, "a\x1bb");
        assert_eq!(all[0].get("target").unwrap(), "some_crate::part");
        assert_eq!(all[0].get("gateway").unwrap(), "plant-7");
    }

    #[test]
    fn foreign_records_obey_the_level_of_their_crate() {
        let bridge: &'static Bridge = Box::leak(Box::new(Bridge::new()));
        let (log, records, _open) = opened(bridge);
        log.levels().set(Some("noisy"), Level::Error);
        tell(bridge, log::Level::Warn, "noisy::part");
        tell(bridge, log::Level::Trace, "other");
        tell(bridge, log::Level::Error, "noisy");
        let crates: Vec<_> = records.all().into_iter().map(|entry| entry.module).collect();
        assert_eq!(crates, ["other", "noisy"]);
    }

    #[test]
    fn the_gateway_that_started_last_gets_foreign_records_until_it_ends() {
        let bridge: &'static Bridge = Box::leak(Box::new(Bridge::new()));
        let (_, older, _open) = opened(bridge);
        let (_, newer, open) = opened(bridge);
        tell(bridge, log::Level::Info, "first");
        drop(open);
        tell(bridge, log::Level::Info, "second");
        assert_eq!((newer.all().len(), older.all().len()), (1, 1));
        assert_eq!(newer.all()[0].module, "first");
    }

    /// Through the real receiver of the process, which another test may hold for a moment.
    #[test]
    fn records_of_log_and_tracing_arrive() {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (log, records) = recorder();
            let _open = log.open_foreign();
            log::debug!(target: "logging_crate::part", "from log {}", 7);
            tracing::info!(target: "traced_crate", answer = 42, "from tracing");
            let found = |name: &str| records.all().into_iter().find(|entry| entry.module == name);
            if let (Some(logged), Some(traced)) = (found("logging_crate"), found("traced_crate")) {
                assert_eq!(logged.message, "from log 7");
                assert!(traced.message.contains("from tracing"), "{}", traced.message);
                assert!(traced.message.contains("42"), "{}", traced.message);
                return;
            }
            assert!(Instant::now() < deadline, "no record of log and tracing arrived");
        }
    }
}
