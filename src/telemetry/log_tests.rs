use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

use slog::{debug, info};

use super::*;

/// Memory that a log writes to, behind a door that can be shut.
#[derive(Clone, Default)]
struct Paper(Arc<(Mutex<Sheet>, Condvar)>);

#[derive(Default)]
struct Sheet {
    text: Vec<u8>,
    writes: usize,
    shut: bool,
    waiting: bool,
}

impl Paper {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.0.lock().unwrap()
    }

    fn shut(&self, shut: bool) {
        self.sheet().shut = shut;
        self.0.1.notify_all();
    }

    fn wait_until(&self, reached: impl Fn(&Sheet) -> bool) {
        let limit = Duration::from_secs(20);
        let not_yet = |sheet: &mut Sheet| !reached(sheet);
        let (_sheet, result) = self.0.1.wait_timeout_while(self.sheet(), limit, not_yet).unwrap();
        assert!(!result.timed_out(), "what was waited for did not happen");
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.sheet().text.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sheet = self.sheet();
        sheet.waiting = true;
        self.0.1.notify_all();
        let mut sheet = self.0.1.wait_while(sheet, |sheet| sheet.shut).unwrap();
        sheet.text.extend_from_slice(bytes);
        sheet.writes += 1;
        self.0.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_on(paper: &Paper, length: usize) -> (LogGuard, Arc<Counts>) {
    let counts = Arc::<Counts>::default();
    let (settings, to) = (Settings::default(), Box::new(paper.clone()));
    let extra = [("gateway", "plant-7")];
    let guard = start_to(&settings, &extra, Form::Json, to, length, Arc::clone(&counts)).unwrap();
    (guard, counts)
}

#[test]
fn the_guard_writes_everything_that_was_logged_before_it_goes() {
    let paper = Paper::default();
    let (guard, counts) = start_on(&paper, 4096);
    let log = guard.log(Module::Session);
    for number in 0..1000 {
        info!(log, "data"; "number" => number, "name" => "8600");
    }
    drop(guard);
    let lines = paper.lines();
    assert_eq!(lines.len(), 1000);
    assert_eq!(counts.log_records_lost.get(), 0);
    let last = lines[999].as_object().unwrap();
    let keys: Vec<_> = last.keys().map(String::as_str).collect();
    assert_eq!(keys, ["time", "level", "module", "msg", "number", "name", "gateway"]);
    assert_eq!((&last["number"], &last["module"]), (&999.into(), &"session".into()));
    assert_eq!(last["gateway"], "plant-7");
}

#[test]
fn a_record_is_written_at_once_and_those_that_waited_meanwhile_are_written_together() {
    let paper = Paper::default();
    let (guard, _) = start_on(&paper, 4096);
    let log = guard.log(Module::Session);
    info!(log, "data"; "number" => 0);
    paper.wait_until(|sheet| sheet.writes == 1);
    paper.shut(true);
    paper.sheet().waiting = false;
    info!(log, "data"; "number" => 1);
    paper.wait_until(|sheet| sheet.waiting);
    for number in 2..=100 {
        info!(log, "data"; "number" => number);
    }
    paper.shut(false);
    paper.wait_until(|sheet| sheet.writes == 3);
    let numbers: Vec<_> = paper.lines().iter().map(|line| line["number"].as_u64()).collect();
    assert!(numbers.into_iter().eq((0..=100).map(Some)));
    drop(guard);
    assert_eq!(paper.sheet().writes, 3);
}

#[test]
fn what_is_logged_after_the_guard_is_gone_is_counted_as_lost() {
    let paper = Paper::default();
    let (guard, counts) = start_on(&paper, 16);
    let log = guard.log(Module::App);
    drop(guard);
    info!(log, "too late");
    assert_eq!(counts.log_records_lost.get(), 1);
    assert!(paper.lines().is_empty());
}

#[test]
fn records_lost_under_pressure_are_counted_and_reported_once_it_is_over() {
    let paper = Paper::default();
    paper.shut(true);
    let (guard, counts) = start_on(&paper, 8);
    let log = guard.log(Module::Session);
    info!(log, "data"; "number" => 0);
    paper.wait_until(|sheet| sheet.waiting);
    for number in 1..=100 {
        info!(log, "data"; "number" => number);
    }
    assert_eq!(counts.log_records_lost.get(), 92);
    assert_eq!(counts.queues.log_records.get(), 8, "they wait");
    paper.shut(false);
    paper.wait_until(|sheet| sheet.text.windows(4).any(|word| word == b"lost"));
    drop(guard);
    let lines = paper.lines();
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[8]["number"], 8);
    assert_eq!((&lines[9]["msg"], &lines[9]["records"]), (&"log records lost".into(), &92.into()));
    assert_eq!(counts.log_records_lost.get(), 92);
    assert_eq!(counts.queues.log_records.get(), 0);
}

#[test]
fn a_writer_that_fails_costs_records_and_nothing_else() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let counts = Arc::<Counts>::default();
    let (settings, to) = (Settings::default(), Box::new(Broken));
    let guard = start_to(&settings, &[], Form::Json, to, 64, Arc::clone(&counts)).unwrap();
    info!(guard.log(Module::App), "one");
    info!(guard.log(Module::App), "two");
    drop(guard);
    assert_eq!(counts.log_records_lost.get(), 2);
}

#[test]
fn no_record_has_a_key_twice_and_no_value_is_lost_for_that() {
    let paper = Paper::default();
    let (guard, _) = start_on(&paper, 16);
    let log = guard.log(Module::Link);
    info!(log, "a\u{1b}[2Jb"; "msg" => "mine", "name" => "a\nb", "name" => "c", "gateway" => "d");
    drop(guard);
    let text = String::from_utf8(paper.sheet().text.clone()).unwrap();
    let body = text.strip_suffix('\n').unwrap();
    assert!(!body.contains(char::is_control), "{body:?}");
    let pairs = body.matches("\":").count();
    let lines = paper.lines();
    let object = lines[0].as_object().unwrap();
    assert_eq!(object.len(), pairs);
    assert_eq!(object["msg"], "a\u{1b}[2Jb");
    let values = ["msg_", "name", "name_", "gateway", "gateway_"].map(|key| object[key].as_str());
    assert_eq!(values, ["mine", "a\nb", "c", "d", "plant-7"].map(Some));
}

#[test]
fn a_level_changed_live_holds_for_logs_that_exist_already() {
    let paper = Paper::default();
    let (guard, _) = start_on(&paper, 16);
    let (session, link) = (guard.log(Module::Session), guard.log(Module::Link));
    debug!(session, "not yet");
    guard.levels().set(Some("session"), Level::Debug);
    assert!(session.enabled(Level::Debug) && !link.enabled(Level::Debug));
    debug!(session, "now");
    debug!(link, "not this one");
    guard.levels().reset();
    debug!(session, "no more");
    drop(guard);
    let lines = paper.lines();
    assert_eq!(lines.iter().map(|line| &line["msg"]).collect::<Vec<_>>(), ["now"]);
}

#[test]
fn a_wrong_module_name_stops_the_start() {
    let modules = [("no such".to_owned(), Level::Debug)].into();
    let settings = Settings { modules, ..Settings::default() };
    let fault = start(&settings, &[], Arc::default()).err().unwrap().to_string();
    assert!(fault.starts_with("[log] modules: \"no such\" is no module"), "{fault}");
}
