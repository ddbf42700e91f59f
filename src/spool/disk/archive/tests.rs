#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::time::{Duration, Instant};

use super::{super::format::HEADER, *};
use crate::{
    model::{Event, SessionId},
    spool::{
        Batch, DiskSettings, DiskSpool, Durability, MemoryFiles, ReaderId, ReaderSettings, Spool,
        Start, WhenBehind, WhenFull,
    },
};

const FIRST: Offset = Offset(1_000_000);

fn settings() -> DiskSettings {
    DiskSettings {
        max_size: 64 << 10,
        segment: 4 << 10,
        durability: Durability::Group,
        commit_interval: Duration::from_millis(5),
        retain: Duration::from_secs(1_000_000_000_000),
        when_full: WhenFull::Pause,
    }
}

fn open(files: &MemoryFiles) -> DiskSpool {
    let telemetry = Telemetry::discarding();
    DiskSpool::open_at(Arc::new(files.clone()), settings(), telemetry, FIRST).unwrap()
}

fn reader(spool: &DiskSpool, name: &str) -> ReaderId {
    let settings = ReaderSettings {
        name: name.to_owned(),
        start: Start::Oldest,
        when_behind: WhenBehind::Hold,
        max_lag: u64::MAX,
    };
    spool.open_reader(&settings)
}

/// Events of these moments, each in a frame of its own.
fn fill(spool: &DiskSpool, times: impl IntoIterator<Item = u64>) {
    for time in times {
        let mut batch = Batch::new();
        batch.push(&Event::Data {
            name: "860000000000001",
            session: SessionId(7),
            seq: 1,
            time: UnixMillis(time),
            peer: "10.1.2.3:40112",
            connections: 1,
            data: &[b'x'; 100],
            meaning: b"",
        });
        spool.append(&mut batch);
        spool.work(Instant::now(), UnixMillis(time));
    }
}

/// A folder with events of the moments 0 to 99, of which `web` has the first 40; stopped.
fn stopped() -> MemoryFiles {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    fill(&spool, 0..100);
    spool.acknowledge(web, FIRST.plus(39));
    assert!(spool.close());
    files.kill()
}

fn look(files: &MemoryFiles) -> Archive {
    Archive::look(Arc::new(files.clone()), false).unwrap()
}

/// Offsets of events, and holes by their reason.
fn all(archive: &Archive, from: Offset) -> Vec<String> {
    let mut found = Vec::new();
    let mut reading = archive.read(from);
    while let Some(piece) = reading.next().unwrap() {
        match piece {
            Piece::Events(block) => {
                let events = block.events().skip_to(from);
                found.extend(events.map(|(offset, _)| offset.since(FIRST).to_string()));
            }
            Piece::Hole(hole) => {
                let (from, to) = (hole.from.since(FIRST), hole.to.since(FIRST));
                found.push(format!("{from}-{to} {}", hole.reason));
            }
        }
    }
    found
}

/// Every file with its bytes.
fn contents(files: &MemoryFiles) -> Vec<(String, Vec<u8>)> {
    let mut names = files.names().unwrap();
    names.sort();
    names.into_iter().map(|name| (name.clone(), files.content(&name).unwrap())).collect()
}

#[test]
fn a_stopped_folder_shows_what_the_spool_knew() {
    let files = stopped();
    let archive = look(&files);
    assert_eq!(archive.condition(), Condition::Clean);
    assert_eq!((archive.oldest(), archive.end()), (FIRST, FIRST.plus(100)));
    assert_eq!(archive.next(), FIRST.plus(100));
    assert!(archive.segments().len() > 2);
    let web = archive.upstream("web").unwrap();
    assert_eq!(web.cursor, FIRST.plus(40));
    let ledger = Ledger { received: 100, delivered: 40, waiting: 60, dropped: 0 };
    assert_eq!(web.ledger, ledger);
    let expected: Vec<String> = (70..100).map(|number| number.to_string()).collect();
    assert_eq!(all(&archive, FIRST.plus(70)), expected);
    assert_eq!(archive.newest_time().unwrap(), Some(UnixMillis(99)));
}

#[test]
fn looking_changes_nothing_whatever_state_the_folder_is_in() {
    let damaged = |name: &str, at| {
        let files = stopped();
        files.flip(name, at, 1).unwrap();
        files
    };
    let running = MemoryFiles::new();
    let spool = open(&running);
    fill(&spool, 0..50);
    drop(spool);
    let state_lost = damaged("state", 30);
    state_lost.flip("state", (64 << 10) + 30, 1).unwrap();
    let folders = [
        stopped(),
        running.kill(),
        damaged("000000000002.segment", 0),
        damaged("000000000002.segment", 300),
        state_lost,
    ];
    for files in folders {
        let before = contents(&files);
        let archive = look(&files);
        all(&archive, Offset(0));
        archive.check(&mut |_| {}).unwrap();
        assert_eq!(contents(&files), before);
    }
}

#[test]
fn a_killed_folder_shows_what_the_next_start_finds() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    fill(&spool, 0..10);
    drop(spool);
    let files = files.kill();
    files.flip("000000000001.segment", 500, 4).unwrap();
    let archive = look(&files);
    assert_eq!(archive.condition(), Condition::Unclean);
    let shown = (archive.upstream("web").unwrap().ledger, archive.next());
    let pieces = all(&archive, FIRST);
    let spool = open(&files);
    let web = reader(&spool, "web");
    assert_eq!(shown, (spool.ledger(web), spool.next()));
    assert_eq!(spool.ledger(web).dropped, 1);
    assert!(pieces.contains(&"2-3 damaged".to_owned()), "{pieces:?}");
    assert_eq!(pieces.len(), 10);
}

#[test]
fn a_running_folder_can_be_looked_into() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    fill(&spool, 0..90);
    let archive = Archive::look(Arc::new(files), true).unwrap();
    assert_eq!(archive.condition(), Condition::Running);
    assert_eq!(
        (archive.next(), archive.upstream("web").unwrap().ledger.waiting),
        (FIRST.plus(90), 90)
    );
    let found = archive.check(&mut |_| {}).unwrap();
    assert_eq!((found.events, found.damaged.len(), found.torn.len()), (90, 0, 0));
}

#[test]
fn a_segment_that_goes_while_it_is_read_is_passed_over_and_named() {
    let files = stopped();
    let archive = look(&files);
    let second = archive.segments()[1].clone();
    files.remove(&second.file).unwrap();
    let mut reading = archive.read(FIRST);
    let mut events = 0;
    while let Some(piece) = reading.next().unwrap() {
        let Piece::Events(block) = piece else { panic!("a hole: {piece:?}") };
        events += u64::from(block.count());
    }
    assert_eq!(events, 100 - second.end.since(second.base));
    assert_eq!((reading.vanished()[0].from, reading.vanished()[0].to), (second.base, second.end));
}

#[test]
fn moments_are_found_and_everything_before_and_behind_them() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    fill(&spool, (0..100).map(|number| 1000 + number * 10));
    let archive = look(&files);
    let since = |time| archive.first_since(UnixMillis(time)).unwrap().since(FIRST);
    for (time, expected) in [(0, 0), (1000, 0), (1001, 1), (1500, 50), (1990, 99), (1991, 100)] {
        assert_eq!(since(time), expected, "{time}");
    }
}

#[test]
fn every_flipped_byte_of_a_stopped_folder_is_found() {
    let files = stopped();
    let sound = look(&files).check(&mut |_| {}).unwrap();
    assert_eq!((sound.events, sound.damaged.len()), (100, 0));
    for file in ["000000000002.segment"] {
        let size = files.content(file).unwrap().len() as u64;
        for at in 0..size {
            files.flip(file, at, 0x20).unwrap();
            let found = look(&files).check(&mut |_| {}).unwrap();
            assert!(!found.damaged.is_empty(), "{file}, byte {at}");
            assert!(found.events <= 100);
            let named = |finding: &Finding| finding.file.as_deref() == Some(file);
            assert!(found.damaged.iter().any(named), "{found:?}");
            files.flip(file, at, 0x20).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_missing_is_told_and_what_a_start_knows_is_not_told_again() {
    let files = stopped();
    let second = look(&files).segments()[1].clone();
    files.remove(&second.file).unwrap();
    let found = look(&files).check(&mut |_| {}).unwrap();
    let [finding] = &found.damaged[..] else { panic!("{found:?}") };
    // What everybody has is allowed to be gone.
    assert_eq!((&finding.file, finding.from, finding.to), (&None, FIRST.plus(40), second.end));
    let spool = open(&files);
    reader(&spool, "web");
    assert!(spool.close());
    assert_eq!(look(&files).check(&mut |_| {}).unwrap().damaged, []);
}

#[test]
fn a_check_hears_of_every_byte() {
    let files = stopped();
    let archive = look(&files);
    let mut read = 0;
    archive.check(&mut |bytes| read += bytes).unwrap();
    assert_eq!(read, archive.disk_bytes());
}

#[test]
fn a_rewind_lets_delivered_events_wait_again_and_the_books_balance() {
    let files = stopped();
    let rewound = rewind(Arc::new(files.clone()), "web", FIRST.plus(10)).unwrap();
    assert_eq!((rewound.from, rewound.to), (FIRST.plus(40), FIRST.plus(10)));
    let ledger = Ledger { received: 100, delivered: 10, waiting: 90, dropped: 0 };
    assert_eq!(rewound.ledger, ledger);
    let spool = open(&files);
    let web = reader(&spool, "web");
    assert!(spool.was_clean(), "a rewind is no unclean stop");
    assert_eq!((spool.cursor(web), spool.ledger(web)), (FIRST.plus(10), ledger));
}

#[test]
fn a_rewind_past_damage_that_nobody_knew_of_balances_too() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    fill(&spool, 0..10);
    spool.acknowledge(web, FIRST.plus(7));
    spool.work(Instant::now() + Duration::from_secs(1), UnixMillis(10));
    drop(spool);
    let files = files.kill();
    files.flip("000000000001.segment", 500, 4).unwrap();
    let before = look(&files).upstream("web").unwrap().ledger;
    assert_eq!((before.received, before.delivered, before.dropped), (10, 8, 0));
    let rewound = rewind(Arc::new(files.clone()), "web", FIRST).unwrap();
    let ledger = Ledger { received: 10, delivered: 0, waiting: 9, dropped: 1 };
    assert_eq!(rewound.ledger, ledger);
    let spool = open(&files);
    assert_eq!(spool.ledger(reader(&spool, "web")), ledger);
}

#[test]
fn a_rewind_goes_neither_forward_nor_to_what_is_gone_and_says_where_the_end_is() {
    let files = MemoryFiles::new();
    let settings = DiskSettings { retain: Duration::ZERO, ..settings() };
    let telemetry = Telemetry::discarding();
    let spool = DiskSpool::open_at(Arc::new(files.clone()), settings, telemetry, FIRST).unwrap();
    let web = reader(&spool, "web");
    fill(&spool, 0..100);
    spool.acknowledge(web, FIRST.plus(89));
    assert!(spool.close());
    let before = contents(&files);
    let archive = look(&files);
    assert!(archive.oldest() > FIRST && !archive.is_from_the_beginning());
    let rewound = |to| rewind(Arc::new(files.clone()), "web", to).unwrap_err().to_string();
    let (gone, oldest) = (FIRST.plus(1), archive.oldest());
    let told = format!("{gone} is gone; the oldest event that is kept is {oldest}");
    assert_eq!(rewound(gone), told);
    assert!(rewound(FIRST.plus(90)).contains("a rewind only goes back"));
    assert!(rewound(FIRST.plus(5000)).contains("a rewind only goes back"));
    let unknown = rewind(Arc::new(files.clone()), "wep", oldest).unwrap_err().to_string();
    assert_eq!(unknown, "the spool knows no upstream \"wep\"; it knows web");
    assert_eq!(contents(&files), before);
}

#[test]
fn what_was_dropped_waits_again_after_a_rewind_and_is_dropped_no_more() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    fill(&spool, 0..30);
    spool.acknowledge(web, FIRST.plus(9));
    spool.skip(web, FIRST.plus(19));
    assert!(spool.close());
    let rewound = rewind(Arc::new(files.clone()), "web", FIRST.plus(15)).unwrap();
    let ledger = Ledger { received: 30, delivered: 10, waiting: 15, dropped: 5 };
    assert_eq!(rewound.ledger, ledger);
    let rewound = rewind(Arc::new(files.clone()), "web", FIRST.plus(5)).unwrap();
    assert_eq!(rewound.ledger.received, 30);
}

#[test]
fn a_forgotten_upstream_keeps_nothing_and_the_others_stay() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let (web, _old) = (reader(&spool, "web"), reader(&spool, "old"));
    fill(&spool, 0..100);
    spool.acknowledge(web, FIRST.plus(99));
    assert!(spool.close());
    let forgotten = forget(Arc::new(files.clone()), "old").unwrap();
    assert_eq!(forgotten.ledger.waiting, 100);
    let archive = look(&files);
    assert!(archive.upstream("old").is_none());
    assert_eq!(archive.upstream("web").unwrap().ledger.delivered, 100);
    assert!(matches!(
        forget(Arc::new(files.clone()), "old").unwrap_err(),
        ChangeFault::Unknown { .. }
    ));
}

#[test]
fn an_empty_folder_holds_no_spool_and_a_later_format_is_refused_by_name() {
    let files = MemoryFiles::new();
    let fault = Archive::look(Arc::new(files), false).unwrap_err();
    assert!(matches!(fault, ArchiveFault::Nothing));
    let files = stopped();
    let mut newer = files.content("000000000002.segment").unwrap();
    newer[8..12].copy_from_slice(&7u32.to_le_bytes());
    let crc = {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&newer[..12]);
        hasher.update(&newer[16..HEADER]);
        hasher.finalize()
    };
    newer[12..16].copy_from_slice(&crc.to_le_bytes());
    files.put("000000000002.segment", newer);
    let fault = Archive::look(Arc::new(files), false).unwrap_err().to_string();
    assert!(fault.contains("written in format 7 by a later version"), "{fault}");
}
