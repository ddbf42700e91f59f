use super::{
    super::{plain::Plain, *},
    Operation,
    operation::Setup,
};
use crate::spool::{Block, DropReason, Files, Ledger, cursor::Progress, holes::Hole};

/// A reader that is behind has what it wants after so many turns at most.
const PATIENCE: u32 = 400;

/// A machine with a spool, and what is known of both.
pub(super) struct Machine {
    setup: Setup,
    files: MemoryFiles,
    spool: Option<DiskSpool>,
    plain: Plain,
    readers: Vec<Reader>,
    began: Instant,
    /// Milliseconds since then.
    time: u64,
    /// The disk has failed in this life of the machine.
    has_failed: bool,
    has_limit: bool,
    /// With `os` a failed sync is made good by nobody: what it left may be gone one day.
    is_doubtful: bool,
    /// So many bytes may be on the disk.
    most: u64,
}

/// One upstream, as a forwarder would work for it.
struct Reader {
    settings: ReaderSettings,
    is_absent: bool,
    id: Option<ReaderId>,
    /// Where it began.
    began: Offset,
    /// Where it reads on.
    position: Offset,
    /// What was known of it after the last operation.
    known: Progress,
    /// Events that it has acknowledged, and a crash has taken.
    taken: u64,
}

impl Machine {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut machine = Self {
            setup: setup.clone(),
            files: MemoryFiles::new(),
            spool: None,
            plain: Plain::default(),
            readers: Vec::new(),
            began: Instant::now(),
            time: 0,
            has_failed: false,
            has_limit: false,
            is_doubtful: false,
            most: setup.settings.max_size,
        };
        machine.spool = Some(open_with(&machine.files, setup.settings.clone()));
        for settings in &setup.readers {
            let reader = machine.new_reader(settings);
            machine.readers.push(reader);
        }
        machine
    }

    fn new_reader(&self, settings: &ReaderSettings) -> Reader {
        let id = self.spool().open_reader(settings);
        let began = self.spool().cursor(id);
        let known = self.progress(&settings.name);
        let (settings, id) = (settings.clone(), Some(id));
        Reader { settings, is_absent: false, id, began, position: began, known, taken: 0 }
    }

    pub(super) fn spool(&self) -> &DiskSpool {
        self.spool.as_ref().unwrap()
    }

    fn progress(&self, name: &str) -> Progress {
        let log = self.spool().shared().log();
        let reader = log.readers.iter().find(|reader| reader.cursor.settings.name == name);
        reader.unwrap().cursor.progress.clone()
    }

    fn ledger(&self, name: &str) -> Ledger {
        let log = self.spool().shared().log();
        let at = log.readers.iter().position(|reader| reader.cursor.settings.name == name);
        log.ledger(ReaderId(at.unwrap()))
    }

    pub(super) fn run(&mut self, operation: &Operation) {
        let on_disk = self.on_disk();
        match operation {
            Operation::Append(sizes) => self.append(sizes),
            Operation::Read(reader, blocks) => self.read(*reader, *blocks, false),
            Operation::ReadOn(reader, blocks) => self.read(*reader, *blocks, true),
            Operation::GoBack(reader) => self.go_back(*reader),
            Operation::Acknowledge(reader, part) => self.acknowledge(*reader, *part),
            Operation::Skip(reader, more) => self.skip(*reader, *more),
            Operation::Work(time) => self.work(*time),
            Operation::Close => self.close(),
            Operation::Drop => self.end(|files| files.kill(), true),
            Operation::Kill => self.end(|files| files.kill(), false),
            Operation::CutPower(seed) => self.cut_power(*seed),
            Operation::Toggle(reader) => self.toggle(*reader),
            Operation::Fill(left) => {
                self.files.set_capacity(Some(on_disk + (128 << 10) + left));
                self.has_limit = true;
            }
            Operation::Free => self.free(),
            Operation::Fail(call, times) => {
                self.files.fail(*call, *times, |_| true);
                self.has_failed = true;
                self.is_doubtful |= self.setup.settings.durability == Durability::Os;
            }
            Operation::Evict(seed) => {
                self.files.evict(*seed);
            }
        }
        self.check(operation, on_disk);
    }

    fn append(&mut self, sizes: &[usize]) {
        let is_paused = self.spool().pressure().is_paused();
        let size = |size: &usize| (!is_paused).then_some(*size);
        let events: Vec<_> = sizes.iter().map(|at| self.plain.make(size(at))).collect();
        let mut batch = Batch::new();
        events.iter().for_each(|event| event.push(&mut batch));
        let next = self.spool().next();
        let first = self.spool().append(&mut batch).unwrap();
        assert_eq!(first, next);
        self.plain.given(first, &events);
    }

    fn reader(&self, at: usize) -> Option<(usize, ReaderId)> {
        let at = at % self.readers.len();
        Some((at, self.readers[at].id?))
    }

    fn read(&mut self, reader: usize, blocks: usize, patiently: bool) {
        let Some((at, id)) = self.reader(reader) else { return };
        let mut turns = 0;
        let mut read = 0;
        while read < blocks {
            let from = self.readers[at].position;
            match self.spool().read(id, from) {
                Read::Block(block) => {
                    self.readers[at].position = self.take(from, &block);
                }
                Read::Hole { next, events, reason } => {
                    self.meet(&self.readers[at], Hole { from, to: next, reason }, events);
                    self.readers[at].position = next;
                }
                Read::Empty if from >= self.spool().next() || !patiently => return,
                Read::Empty => {
                    turns += 1;
                    if self.has_failed || self.has_limit || self.is_full() {
                        return;
                    }
                    assert!(turns < PATIENCE, "nothing comes at {from}");
                    self.work(1);
                    continue;
                }
            }
            read += 1;
        }
    }

    fn take(&self, from: Offset, block: &Block) -> Offset {
        assert!(block.base() <= from && from < block.end(), "{from} is not in {}", block.base());
        let mut expected = from;
        for (offset, event) in block.events().skip_to(from) {
            assert_eq!(offset, expected);
            assert!(self.plain.at(offset).is(&event), "{event:?} at {offset}");
            expected = offset.plus(1);
        }
        assert_eq!(expected, block.end());
        expected
    }

    fn meet(&self, reader: &Reader, hole: Hole, events: u64) {
        let Hole { from, to, reason } = hole;
        assert!(from < to);
        assert_eq!(events, self.plain.known(from, to), "{hole:?} for {}", reader.settings.name);
        match reason {
            DropReason::Damaged if self.is_doubtful => {}
            DropReason::Restart | DropReason::Damaged => {
                assert_eq!(self.plain.readable(from, to), 0, "{hole:?} hides events");
            }
            _ => assert_eq!(to, self.progress(&reader.settings.name).floor, "{hole:?}"),
        }
    }

    fn go_back(&mut self, reader: usize) {
        let Some((at, id)) = self.reader(reader) else { return };
        self.readers[at].position = self.spool().cursor(id);
    }

    fn acknowledge(&mut self, reader: usize, part: u64) {
        let Some((at, id)) = self.reader(reader) else { return };
        let cursor = self.spool().cursor(id);
        let read = self.readers[at].position.since(cursor);
        let Some(through) = (read * part).div_ceil(8).checked_sub(1) else { return };
        let through = cursor.plus(through);
        let expected = self.plain.readable(self.readers[at].known.needs(), through.plus(1));
        assert_eq!(self.spool().acknowledge(id, through), expected);
    }

    fn skip(&mut self, reader: usize, more: u64) {
        let Some((_, id)) = self.reader(reader) else { return };
        self.spool().skip(id, self.spool().cursor(id).plus(more));
    }

    fn work(&mut self, time: u64) {
        self.time += time;
        let wall = UnixMillis(UnixMillis::now().0 + self.time);
        let now = self.began + Duration::from_millis(self.time);
        self.spool().work(now, wall);
    }

    fn toggle(&mut self, reader: usize) {
        let at = reader % self.readers.len();
        self.readers[at].is_absent ^= true;
    }

    fn free(&mut self) {
        self.files.set_capacity(None);
        self.has_limit = false;
    }

    fn close(&mut self) {
        let is_good = self.spool().close();
        let is_hindered = self.has_failed || self.has_limit || self.is_full();
        assert!(is_good || is_hindered, "nothing stood against a good end");
        let (id, next) = (self.spool().id().to_owned(), self.spool().next());
        let before: Vec<_> = self.readers.iter().map(|r| self.progress(&r.settings.name)).collect();
        self.end(|files| files.kill(), false);
        assert_eq!(self.spool().id(), id);
        let was_clean = self.spool().was_clean();
        assert!(was_clean || !is_good || self.is_doubtful);
        if !was_clean {
            return;
        }
        assert_eq!(self.spool().next(), next);
        for (before, Reader { known, .. }) in before.iter().zip(&self.readers) {
            // A start that finds the spool full may have to give up the oldest.
            let (floor, dropped) = (before.floor, before.dropped);
            let floor_reason = before.floor_reason;
            let max_lag = before.max_lag;
            let seen = Progress { floor, floor_reason, dropped, max_lag, ..known.clone() };
            assert_eq!(seen, *before);
        }
    }

    /// There is no room for what waits, and policy gives nothing up.
    fn is_full(&self) -> bool {
        self.spool().pressure().is_paused()
    }

    /// The process ends, and the next one begins. What is in a file stays.
    fn end(&mut self, kill: impl Fn(&MemoryFiles) -> MemoryFiles, is_dropped: bool) {
        let written = self.spool().shared().log().written;
        let kept = match self.is_doubtful {
            true => Offset(0),
            false => written,
        };
        if is_dropped {
            self.spool = None;
        }
        self.begin(kill(&self.files), kept);
    }

    fn cut_power(&mut self, seed: u64) {
        let kept = match self.setup.settings.durability {
            Durability::Group => *self.spool().promised().unwrap().borrow(),
            Durability::Os => Offset(0),
        };
        self.begin(self.files.cut_power(seed), kept);
    }

    fn begin(&mut self, files: MemoryFiles, kept: Offset) {
        self.spool = None;
        // There must be room for what a start needs; a test of its own takes it away.
        files.set_capacity(None);
        (self.has_failed, self.has_limit) = (false, false);
        self.files = files;
        self.spool = Some(open_with(&self.files, self.setup.settings.clone()));
        // A stop without a disk that works may leave something twice.
        self.most = self.setup.settings.max_size.max(self.on_disk());
        let holes: Vec<Hole> = self.spool().shared().log().holes.iter().copied().collect();
        let needed = self.spool().shared().log().needed();
        let lost = self.plain.crashed(&holes, needed, kept);
        for at in 0..self.readers.len() {
            self.readers[at] = self.again(&self.readers[at], &lost);
        }
    }

    fn again(&self, before: &Reader, lost: &[u64]) -> Reader {
        let known = self.progress(&before.settings.name);
        assert!(known.cursor <= before.known.cursor, "{known:?} was {:?}", before.known);
        let id = (!before.is_absent).then(|| self.spool().open_reader(&before.settings));
        let taken = lost.iter().filter(|lost| (before.began.0..known.needs().0).contains(lost));
        Reader {
            settings: before.settings.clone(),
            is_absent: before.is_absent,
            id,
            began: before.began,
            position: known.cursor,
            taken: before.taken + taken.count() as u64,
            known,
        }
    }

    fn on_disk(&self) -> u64 {
        let names = self.segments();
        names.iter().map(|name| self.files.content(name).unwrap().len() as u64).sum()
    }

    /// There may be no room for another segment, and a large one.
    fn is_nearly_full(&self, on_disk: u64) -> bool {
        on_disk + (16 << 10) > self.setup.settings.max_size
    }

    pub(super) fn segments(&self) -> Vec<String> {
        let mut names = self.files.names().unwrap();
        names.retain(|name| name.ends_with(".segment") && !name.starts_with("quarantine"));
        names
    }

    fn check(&mut self, operation: &Operation, before: u64) {
        let now = self.on_disk();
        assert!(now <= self.most || self.has_failed, "{now} bytes");
        let holes: Vec<Hole> = self.spool().shared().log().holes.iter().copied().collect();
        let damaged = self.plain.damaged(&holes);
        assert!(damaged.is_empty() || self.is_doubtful, "{operation:?} damaged {damaged:?}");
        let may_drop = self.is_nearly_full(before) || self.has_limit;
        for at in 0..self.readers.len() {
            let now = self.progress(&self.readers[at].settings.name);
            self.check_ledger(&self.readers[at], &now);
            let needs = self.readers[at].known.needs().0;
            let damaged = damaged.iter().filter(|offset| **offset >= needs).count() as u64;
            let dropped = self.check_step(&self.readers[at], &now, damaged);
            self.check_policy(&self.readers[at], &now, operation, dropped == 0 || may_drop);
            self.readers[at].known = now;
        }
    }

    fn check_ledger(&self, reader: &Reader, now: &Progress) {
        let ledger = self.ledger(&reader.settings.name);
        assert!(ledger.balances());
        let next = self.spool().next();
        assert_eq!(ledger.waiting, self.plain.readable(now.needs(), next), "{now:?}");
        let received = self.plain.known(reader.began, next) + reader.taken;
        assert_eq!(ledger.received, received, "{ledger:?} {now:?}");
    }

    /// What was delivered and dropped by one operation, counted anew; answers how many events were
    /// given up.
    fn check_step(&self, reader: &Reader, now: &Progress, damaged: u64) -> u64 {
        let known = &reader.known;
        let delivered = self.plain.readable(known.needs(), now.cursor);
        assert_eq!(now.delivered, known.delivered + delivered, "{known:?} {now:?}");
        let dropped = self.plain.readable(known.needs().max(now.cursor), now.floor);
        assert_eq!(now.dropped, known.dropped + dropped + damaged, "{known:?} {now:?}");
        dropped
    }

    fn check_policy(&self, reader: &Reader, now: &Progress, operation: &Operation, may_drop: bool) {
        if now.floor == reader.known.floor {
            return;
        }
        let settings = &self.setup.settings;
        let is_allowed = match now.floor_reason {
            DropReason::Skipped => matches!(operation, Operation::Skip(..)),
            DropReason::Behind => reader.settings.when_behind == WhenBehind::Skip,
            DropReason::SpoolFull => settings.when_full == WhenFull::DropOldest && may_drop,
            DropReason::Restart | DropReason::Damaged => false,
        };
        assert!(is_allowed, "{operation:?} dropped: {:?} {now:?}", reader.known);
    }

    /// All goes well from now on: everything is read and acknowledged, and nothing is left.
    pub(super) fn come_to_rest(&mut self) {
        self.files.heal();
        self.free();
        self.readers.iter_mut().for_each(|reader| reader.is_absent = false);
        self.work(1100);
        self.work(1100);
        self.run(&Operation::Work(1100));
        for at in 0..self.readers.len() {
            let settings = self.readers[at].settings.clone();
            self.readers[at].id = Some(self.spool().open_reader(&settings));
            self.go_back(at);
        }
        let is_behind = |reader: &Reader, next| reader.position < next;
        let mut turns = 0;
        while self.readers.iter().any(|reader| is_behind(reader, self.spool().next())) {
            for at in 0..self.readers.len() {
                self.run(&Operation::Read(at, 9));
                self.run(&Operation::Acknowledge(at, 8));
            }
            self.run(&Operation::Work(5));
            turns += 1;
            assert!(turns < PATIENCE, "the readers do not come to the end");
        }
        for _ in 0..4 {
            self.run(&Operation::Work(3100));
        }
        assert!(!self.spool().pressure().is_paused());
        assert!(self.spool().pressure().admits_newcomers());
        let left = self.spool().shared().log().segments.len();
        assert!(left <= 1, "{left} segments are left");
        assert!(self.segments().len() <= 2, "{:?}", self.segments());
        assert_eq!(*self.spool().promised().unwrap().borrow(), self.spool().next());
        let waiting = self.readers.iter().map(|r| self.ledger(&r.settings.name).waiting);
        assert_eq!(waiting.sum::<u64>(), 0);
    }
}
