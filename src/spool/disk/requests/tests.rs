#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::sync::Arc;

use super::*;
use crate::{
    model::{Event, UnixMillis},
    spool::{
        Batch, DiskSettings, DiskSpool, Durability, Ledger, MemoryFiles, Read, ReaderSettings,
        Spool, Start, SystemFiles, WhenBehind, WhenFull,
    },
    telemetry::Telemetry,
};

const FIRST: Offset = Offset(1_000_000);

/// A spool that is worked by hand, with a clock of its own.
struct Rig {
    files: MemoryFiles,
    spool: DiskSpool,
    now: Instant,
}

impl Rig {
    fn open(files: MemoryFiles) -> Self {
        let telemetry = Telemetry::discarding();
        let own = Arc::new(files.clone());
        let spool = DiskSpool::open_at(own, settings(), telemetry, FIRST).unwrap();
        Self { files, spool, now: Instant::now() }
    }

    fn reader(&self, name: &str) -> ReaderId {
        self.spool.open_reader(&ReaderSettings {
            name: name.to_owned(),
            start: Start::Oldest,
            when_behind: WhenBehind::Hold,
            max_lag: u64::MAX,
        })
    }

    fn append(&mut self, events: u64) {
        for time in 0..events {
            let mut batch = Batch::new();
            batch.push(&Event::Started { time: UnixMillis(time), clean: true });
            self.spool.append(&mut batch);
        }
        self.work(0);
    }

    /// A turn, so many milliseconds later.
    fn work(&mut self, later: u64) {
        self.now += Duration::from_millis(later);
        self.spool.work(self.now, UnixMillis::now());
    }

    /// What is answered to this, once it is looked for.
    fn ask(&mut self, order: Order) -> Answer {
        let request = Request { id: "7".to_owned(), order };
        self.files.put(REQUEST, serde_json::to_vec(&request).unwrap());
        self.work(1000);
        assert!(!self.has(REQUEST), "it is taken");
        let answer = self.files.content("answer-7").unwrap();
        self.files.remove("answer-7").unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.files.names().unwrap().iter().any(|known| known == name)
    }

    fn rewind(&mut self, to: Offset) -> Answer {
        self.ask(Order::Rewind { upstream: "web".to_owned(), to })
    }
}

fn settings() -> DiskSettings {
    DiskSettings {
        max_size: 64 << 10,
        segment: 4 << 10,
        durability: Durability::Group,
        commit_interval: Duration::from_millis(5),
        retain: Duration::from_secs(3600),
        when_full: WhenFull::Pause,
    }
}

#[test]
fn a_rewind_is_carried_out_stored_and_answered() {
    let mut rig = Rig::open(MemoryFiles::new());
    let web = rig.reader("web");
    rig.append(50);
    rig.spool.acknowledge(web, FIRST.plus(39));
    let ledger = Ledger { received: 50, delivered: 10, waiting: 40, dropped: 0 };
    let rewound = Rewound { to: FIRST.plus(10), from: FIRST.plus(40), ledger };
    assert_eq!(rig.rewind(FIRST.plus(10)), Answer::Rewound(rewound));
    assert_eq!((rig.spool.cursor(web), rig.spool.ledger(web)), (FIRST.plus(10), ledger));
    let again = Rig::open(rig.files.kill());
    let web = again.reader("web");
    assert_eq!(again.spool.ledger(web), ledger, "it survives a kill");
}

#[test]
fn acknowledgements_of_before_a_rewind_do_not_undo_it() {
    let mut rig = Rig::open(MemoryFiles::new());
    let web = rig.reader("web");
    rig.append(50);
    rig.spool.acknowledge(web, FIRST.plus(29));
    let rewinds = rig.spool.rewinds(web);
    assert!(!rewinds.is_pending());
    rig.rewind(FIRST.plus(10));
    assert!(rewinds.is_pending());
    assert_eq!(rig.spool.acknowledge(web, FIRST.plus(45)), 0);
    rig.spool.found(web, 3);
    assert_eq!(rig.spool.cursor(web), FIRST.plus(10));
    assert_eq!(rig.spool.resume(web), FIRST.plus(10));
    assert!(!rewinds.is_pending());
    assert_eq!(rig.spool.acknowledge(web, FIRST.plus(12)), 3);
    let ledger = Ledger { received: 50, delivered: 13, waiting: 37, dropped: 0 };
    assert_eq!(rig.spool.ledger(web), ledger);
}

#[test]
fn what_was_read_ahead_is_read_again_from_where_the_cursor_is() {
    let mut rig = Rig::open(MemoryFiles::new());
    let web = rig.reader("web");
    rig.append(400);
    let mut rig = Rig::open(rig.files.kill());
    assert_eq!(rig.reader("web"), web);
    assert!(matches!(rig.spool.read(web, FIRST.plus(300)), Read::Empty), "it is on disk");
    rig.work(0);
    rig.spool.acknowledge(web, FIRST.plus(350));
    rig.rewind(FIRST.plus(3));
    let mut turns = 0;
    let block = loop {
        match rig.spool.read(web, FIRST.plus(3)) {
            Read::Block(block) => break block,
            _ => rig.work(0),
        }
        turns += 1;
        assert!(turns < 100, "it is never read");
    };
    assert!(block.base() <= FIRST.plus(3) && block.end() > FIRST.plus(3));
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let mut rig = Rig::open(MemoryFiles::new());
    let web = rig.reader("web");
    rig.append(50);
    rig.spool.acknowledge(web, FIRST.plus(9));
    let mut refused = |order| match rig.ask(order) {
        Answer::Refused(why) => why,
        done => panic!("{done:?}"),
    };
    let rewind = |upstream: &str, to| Order::Rewind { upstream: upstream.to_owned(), to };
    assert!(refused(rewind("web", FIRST.plus(10))).contains("a rewind only goes back"));
    assert!(refused(rewind("web", Offset(5))).contains("the oldest event that is kept is 1000000"));
    assert!(refused(rewind("wep", FIRST)).contains("it knows web"));
    let served = refused(Order::Forget { upstream: "web".to_owned() });
    assert!(served.contains("the running gateway serves \"web\""), "{served}");
}

#[test]
fn a_forgotten_upstream_keeps_no_segment_and_does_not_come_back() {
    let mut rig = Rig::open(MemoryFiles::new());
    rig.reader("old");
    rig.append(1);
    assert!(rig.spool.close());
    let mut rig = Rig::open(rig.files.kill());
    let web = rig.reader("web");
    rig.append(300);
    rig.spool.acknowledge(web, rig.spool.next().before());
    let Answer::Forgotten(forgotten) = rig.ask(Order::Forget { upstream: "old".to_owned() }) else {
        panic!("it is refused");
    };
    assert_eq!(forgotten.ledger.waiting, 301);
    let again = rig.ask(Order::Forget { upstream: "old".to_owned() });
    assert!(matches!(again, Answer::Refused(why) if why.contains("it knows web")));
    // `retain` is over.
    rig.spool.work(rig.now, UnixMillis(UnixMillis::now().0 + 7_200_000));
    assert!(!rig.has("000000000001.segment"));
    let rig = Rig::open(rig.files.kill());
    let old = rig.reader("old");
    assert_eq!(rig.spool.ledger(old).received, rig.spool.ledger(old).waiting, "it is a new one");
}

#[test]
fn requests_are_looked_for_once_a_second_and_what_makes_no_sense_is_thrown_away() {
    let mut rig = Rig::open(MemoryFiles::new());
    rig.files.put(REQUEST, b"{}".to_vec());
    rig.work(999);
    assert!(rig.has(REQUEST));
    rig.work(1);
    assert!(!rig.has(REQUEST));
    for id in ["", "../x", "A"] {
        let text = format!(r#"{{"id":"{id}","order":{{"do":"forget","upstream":"web"}}}}"#);
        rig.files.put(REQUEST, text.into_bytes());
        rig.work(1000);
        assert!(!rig.files.names().unwrap().iter().any(|name| name.starts_with(ANSWER)));
    }
}

#[test]
fn a_start_clears_away_what_was_for_the_process_before() {
    let files = MemoryFiles::new();
    files.put(REQUEST, b"{}".to_vec());
    files.put("answer-9", b"{}".to_vec());
    let rig = Rig::open(files);
    assert!(!rig.has(REQUEST) && !rig.has("answer-9"));
}

#[test]
fn a_spool_with_threads_is_asked_through_its_folder_though_it_has_nothing_else_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(SystemFiles::claim(folder.path()).unwrap());
    let telemetry = Telemetry::discarding();
    let spool = DiskSpool::open_at(files, settings(), telemetry, FIRST).unwrap();
    spool.start().unwrap();
    let order = Order::Forget { upstream: "web".to_owned() };
    let answer = ask(folder.path(), order.clone(), Duration::from_secs(60)).unwrap();
    assert_eq!(
        answer,
        Answer::Refused("the spool knows no upstream \"web\"; it knows none".to_owned())
    );
    assert!(spool.close());
    drop(spool);
    let fault = ask(folder.path(), order, Duration::ZERO).unwrap_err();
    assert!(matches!(fault, AskFault::NotTaken { .. }));
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.filter(|name| name.contains("request") || name.contains("answer")).eq([""; 0]));
}

#[test]
fn a_second_request_does_not_take_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(REQUEST), "first").unwrap();
    let order = Order::Forget { upstream: "web".to_owned() };
    assert!(matches!(ask(folder.path(), order, Duration::ZERO), Err(AskFault::Busy)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(folder.path().join(REQUEST)).unwrap(), b"first");
}
