//! Bytes that are not what was written, files that are cut off or gone.

use std::collections::BTreeMap;

use super::*;
use crate::spool::{
    Files,
    disk::format::{self, Header, HeaderFault},
};

/// Small segments, so that every byte of several can have its turn.
fn small() -> DiskSettings {
    DiskSettings { segment: 1 << 10, ..settings() }
}

/// A spool that was closed, or killed, and what it holds.
struct Image {
    files: MemoryFiles,
    events: BTreeMap<u64, String>,
    next: Offset,
    is_closed: bool,
}

/// What looks like frames with plausible offsets, and is data of a device; only the salt is not to
/// be known.
fn forged() -> Vec<u8> {
    let mut event = Batch::new();
    push(&mut event, b"forged");
    let block = event.take(FIRST);
    let (base, previous_end, began) = (FIRST, FIRST, FIRST);
    let header = Header { number: 1, base, previous_end, salt: 0, made: UnixMillis(0), began };
    let mut bytes = Vec::new();
    for at in 4..8 {
        let (base, records) = (FIRST.plus(at), [block.records()]);
        format::put_frame(&mut bytes, &header.checksum(), base, 1, &records);
    }
    bytes
}

fn image(is_closed: bool) -> Image {
    let files = MemoryFiles::new();
    let spool = open_with(&files, small());
    reader(&spool, "web");
    let mut events = BTreeMap::new();
    for number in 0u64..13 {
        let mut data = format!("{number:0120}").into_bytes();
        if number == 5 {
            data = forged();
        }
        let offset = append(&spool, &data);
        events.insert(offset.0, String::from_utf8_lossy(&data).into_owned());
        work(&spool);
    }
    let next = spool.next();
    assert!(!is_closed || spool.close());
    let files = files.kill();
    Image { files, events, next, is_closed }
}

impl Image {
    fn segments(&self) -> Vec<String> {
        let mut names = self.files.names().unwrap();
        let holds_any = |name: &String| self.files.content(name).unwrap().iter().any(|b| *b != 0);
        names.retain(|name| name.ends_with(".segment") && holds_any(name));
        names.sort();
        names
    }

    /// Every place has its turn, in one of the images; in both where there is time.
    fn has_its_turn(&self, at: u64) -> bool {
        times(1) > 1 || at.is_multiple_of(2) == self.is_closed
    }

    /// Opens it and reads everything; answers what is missing. Whatever comes was written; what does
    /// not is told.
    fn look(&self, files: &MemoryFiles, what: &str) -> Vec<u64> {
        let telemetry = Telemetry::discarding();
        let open = DiskSpool::open_at(Arc::new(files.clone()), small(), telemetry.clone(), FIRST);
        let spool = open.unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let web = reader(&spool, "web");
        let mut missing = self.events.clone();
        let mut damaged = 0;
        assert_eq!(spool.cursor(web), FIRST, "{what}");
        for (offset, found) in rest(&spool, web, FIRST) {
            match found.split_once(' ') {
                Some((events, "damaged")) => damaged += events.parse::<u64>().unwrap(),
                Some((events, "restart")) => assert_eq!(events, "0"),
                _ => assert_eq!(missing.remove(&offset).as_ref(), Some(&found), "{what}"),
            }
        }
        let ledger = spool.ledger(web);
        assert!(ledger.balances(), "{what}");
        assert_eq!(
            (ledger.dropped, ledger.waiting),
            (damaged, 13 - missing.len() as u64),
            "{what}"
        );
        self.check_numbering(&spool, what);
        let missing: Vec<u64> = missing.into_keys().collect();
        // Of what stood at the end of a spool that was killed, nobody knows that it was there.
        let is_known = self.is_closed || damaged > 0;
        assert!(missing.is_empty() || !is_known || damaged == missing.len() as u64, "{what}");
        let told = telemetry.counts().snapshot().sum("spool_damages");
        assert!(damaged == 0 || told > 0, "{what}: nobody was told");
        missing
    }

    fn check_numbering(&self, spool: &DiskSpool, what: &str) {
        let next = append(spool, b"the next");
        assert!(next >= self.next, "{what}: {next} was given out before {}", self.next);
        let web = reader(spool, "web");
        assert_eq!(rest(spool, web, next), [(next.0, "the next".to_owned())], "{what}");
    }
}

#[test]
fn a_flipped_byte_anywhere_costs_its_frame_at_most_and_invents_nothing() {
    for image in [image(false), image(true)] {
        for name in image.segments() {
            let size = image.files.content(&name).unwrap().len() as u64;
            for at in (0..size).filter(|at| image.has_its_turn(*at)) {
                let what = format!("{name} at {at}, closed {}", image.is_closed);
                let files = image.files.copy();
                files.flip(&name, at, 1 << (at % 8)).unwrap();
                let missing = image.look(&files, &what);
                assert!(missing.len() <= 1, "{what}: {missing:?} are missing");
                let names = files.names().unwrap();
                let is_kept = names.iter().any(|name| name.starts_with("quarantine"));
                let is_last = missing == [FIRST.0 + 12] && !image.is_closed;
                assert!(missing.is_empty() || is_kept || is_last, "{what}: {names:?}");
            }
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_loses_what_stood_behind_and_nothing_else() {
    for image in [image(false), image(true)] {
        for name in image.segments() {
            let whole = image.files.content(&name).unwrap();
            for size in (0..whole.len() as u64).filter(|size| image.has_its_turn(*size)) {
                let what = format!("{name} cut to {size}, closed {}", image.is_closed);
                let files = image.files.copy();
                files.cut(&name, size).unwrap();
                let missing = image.look(&files, &what);
                assert!(missing.windows(2).all(|two| two[0] + 1 == two[1]), "{what}: {missing:?}");
                assert!(missing.len() <= 5, "{what}: {missing:?}");
            }
        }
    }
}

#[test]
fn damage_of_the_state_loses_no_event_and_repeats_no_offset() {
    const PLACE: u64 = 64 << 10;
    for image in [image(false), image(true)] {
        for at in (0..400).flat_map(|at| [at, at + PLACE]) {
            let files = image.files.copy();
            files.flip("state", at, 1 << (at % 8)).unwrap();
            assert_eq!(image.look(&files, &format!("state at {at}")), [0; 0]);
        }
        for size in [0, 1, 20, 200, PLACE - 1, PLACE, PLACE + 1, PLACE + 200, 2 * PLACE - 1] {
            let files = image.files.copy();
            files.cut("state", size).unwrap();
            assert_eq!(image.look(&files, &format!("state cut to {size}")), [0; 0]);
        }
        let files = image.files.copy();
        files.remove("state").unwrap();
        assert_eq!(image.look(&files, "no state"), [0; 0]);
        let files = image.files.copy();
        files.flip("state", 30, 1).unwrap();
        files.flip("state", PLACE + 30, 1).unwrap();
        assert_eq!(image.look(&files, "no place of the state"), [0; 0]);
        assert!(files.content("quarantine-state").is_ok());
    }
}

#[test]
fn a_segment_that_is_gone_is_told_as_a_gap_of_its_events() {
    for image in [image(false), image(true)] {
        let names = image.segments();
        for (at, name) in names.iter().enumerate() {
            let files = image.files.copy();
            files.remove(name).unwrap();
            let missing = image.look(&files, &format!("{name} is gone"));
            assert!((1..=5).contains(&missing.len()), "{missing:?}");
            let is_first = missing.contains(&FIRST.0);
            assert_eq!(is_first, at == 0);
        }
        let files = image.files.copy();
        names.iter().for_each(|name| files.remove(name).unwrap());
        let missing = image.look(&files, "all are gone");
        assert_eq!(missing.len(), 13);
    }
}

#[test]
fn a_sealed_segment_is_checked_when_it_is_read() {
    let image = image(true);
    let name = &image.segments()[1];
    image.files.flip(name, 200, 1).unwrap();
    let spool = open_with(&image.files, small());
    let web = reader(&spool, "web");
    assert_eq!(spool.ledger(web).waiting, 13);
    let found = rest(&spool, web, FIRST);
    assert_eq!(found.iter().filter(|(_, data)| data == "1 damaged").count(), 1, "{found:?}");
    assert_eq!((spool.ledger(web).waiting, spool.ledger(web).dropped), (12, 1));
}

#[test]
fn a_later_format_is_refused_by_name() {
    let image = image(true);
    let name = &image.segments()[1];
    let mut bytes = image.files.content(name).unwrap();
    bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
    let crc = {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..12]);
        hasher.update(&bytes[16..64]);
        hasher.finalize()
    };
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(Header::decode(&bytes), Err(HeaderFault::Newer(7)));
    image.files.put(name, bytes);
    let files = Arc::new(image.files.clone());
    let fault = DiskSpool::open_at(files, small(), Telemetry::discarding(), FIRST).unwrap_err();
    assert!(matches!(fault, DiskFault::Newer { format: 7 }), "{fault}");
}

#[test]
fn a_bad_page_costs_what_stands_on_it_and_a_reader_goes_on() {
    let image = image(true);
    let name = image.segments()[1].clone();
    let spool = open_with(&image.files, small());
    let web = reader(&spool, "web");
    let bad = name.clone();
    image.files.fail(crate::spool::Operation::Read, 3, move |name| name == bad);
    let mut from = FIRST;
    let (mut events, mut turns) = (0, 0u64);
    while from < spool.next() {
        match spool.read(web, from) {
            Read::Block(block) => {
                events += block.end().since(from);
                from = block.end();
            }
            Read::Hole { .. } => panic!("it can be read another time"),
            Read::Empty => {
                turns += 1;
                assert!(turns < 50, "the reader is stuck at {from}");
                let now = Instant::now() + Duration::from_secs(turns);
                spool.work(now, UnixMillis::now());
            }
        }
    }
    assert_eq!(events, 13);
}
