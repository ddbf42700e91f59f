//! The process is killed, or the power cut, at every step of a spool's life.

use super::{
    plain::{Plain, Told},
    *,
};
use crate::spool::{DropReason, holes::Hole};

/// What was known when the end came.
#[derive(Default)]
struct Witness {
    plain: Plain,
    /// Everything below was read by the upstream.
    sent: Offset,
    /// Everything below was in a file.
    written: Offset,
    promised: Offset,
    /// Everything below was acknowledged.
    acknowledged: Offset,
    /// The last stop was in good order.
    is_closed: bool,
    /// What everybody has is not written.
    spares: bool,
    time: u64,
}

/// One start, and what was done since.
struct Life<'a> {
    spool: DiskSpool,
    web: ReaderId,
    witness: &'a mut Witness,
}

impl<'a> Life<'a> {
    /// None where the machine is off.
    fn begin(
        files: &MemoryFiles,
        settings: &DiskSettings,
        witness: &'a mut Witness,
    ) -> Option<Self> {
        witness.is_closed = false;
        let (files, settings) = (Arc::new(files.clone()), settings.clone());
        let spool = DiskSpool::open_at(files, settings, Telemetry::discarding(), FIRST).ok()?;
        let web = reader(&spool, "web");
        if witness.spares {
            spool.shared().spare_the_disk();
        }
        Some(Self { spool, web, witness })
    }

    fn append(&mut self, sizes: &[usize]) {
        let events: Vec<Told> =
            sizes.iter().map(|size| self.witness.plain.make(Some(*size))).collect();
        let mut batch = Batch::new();
        events.iter().for_each(|event| event.push(&mut batch));
        let first = self.spool.append(&mut batch).unwrap();
        self.witness.plain.given(first, &events);
    }

    fn work(&mut self) {
        self.witness.time += 300;
        let now = Instant::now() + Duration::from_millis(self.witness.time);
        self.spool.work(now, UnixMillis(UnixMillis::now().0 + self.witness.time));
        self.witness.promised = *self.spool.promised().unwrap().borrow();
        self.witness.written = self.witness.written.max(self.spool.shared().log().written);
    }

    /// Reads up to `to`, or as far as the disk lets it; answers the holes.
    fn read(&mut self, to: Offset) -> Vec<(Hole, u64)> {
        let mut holes = Vec::new();
        let mut from = self.spool.cursor(self.web);
        let mut patience = 40;
        while from < to && patience > 0 {
            match self.spool.read(self.web, from) {
                Read::Block(block) => {
                    for (offset, event) in block.events().skip_to(from) {
                        assert!(self.witness.plain.at(offset).is(&event), "{event:?} at {offset}");
                    }
                    from = block.end();
                    self.witness.sent = self.witness.sent.max(from);
                }
                Read::Hole { next: to, events, reason } => {
                    holes.push((Hole { from, to, reason }, events));
                    from = to;
                }
                Read::Empty => {
                    patience -= 1;
                    self.work();
                }
            }
        }
        holes
    }

    /// Everything below `cursor` that it was sent.
    fn acknowledge(&mut self, cursor: Offset) {
        let cursor = cursor.min(self.witness.sent);
        self.spool.acknowledge(self.web, cursor.before());
        self.witness.acknowledged = self.witness.acknowledged.max(cursor);
    }

    fn close(self) {
        self.witness.is_closed = self.spool.close();
        self.witness.promised = *self.spool.promised().unwrap().borrow();
    }
}

/// A first start, events, several segments, trims, a stop in good order, another start, a stop that
/// is none, and one more start.
fn live(files: &MemoryFiles, settings: &DiskSettings, witness: &mut Witness) -> Option<()> {
    let mut life = Life::begin(files, settings, witness)?;
    life.append(&[10, 20, 0]);
    life.work();
    life.read(FIRST.plus(3));
    life.append(&[900, 900]);
    life.append(&[900, 900, 900]);
    life.work();
    life.append(&[5000]);
    life.append(&[1]);
    life.work();
    life.read(FIRST.plus(9));
    life.acknowledge(FIRST.plus(6));
    life.work();
    life.append(&[2000, 2000]);
    life.read(FIRST.plus(12));
    life.append(&[7]);
    life.close();
    let mut life = Life::begin(files, settings, witness)?;
    let next = life.spool.next();
    life.append(&[3, 3000]);
    life.read(next.plus(1));
    life.acknowledge(next);
    life.work();
    life.append(&[3000, 3]);
    life.work();
    drop(life);
    let mut life = Life::begin(files, settings, witness)?;
    let next = life.spool.next();
    life.append(&[5]);
    life.read(next.plus(1));
    life.acknowledge(next.plus(1));
    life.work();
    Some(())
}

/// Looks at what was left, and goes on with it.
fn check(files: MemoryFiles, settings: &DiskSettings, mut witness: Witness, kept: Offset) {
    let (acknowledged, was_closed) = (witness.acknowledged, witness.is_closed);
    let mut life = Life::begin(&files, settings, &mut witness).expect("a start");
    assert!(life.spool.was_clean() || !was_closed);
    let cursor = life.spool.cursor(life.web);
    // A spool that never came to anything, or whose events everybody has, may begin anew.
    let acknowledged = acknowledged.max(FIRST);
    assert!(cursor <= acknowledged || kept <= acknowledged, "{cursor} {acknowledged} {kept}");
    let found: Vec<Hole> = life.spool.shared().log().holes.iter().copied().collect();
    // What was acknowledged may never have been in a file.
    let needed = if life.witness.spares { cursor.max(acknowledged) } else { cursor };
    life.witness.plain.crashed(&found, needed, kept);
    let next = life.spool.next();
    life.append(&[11, 12]);
    let (web, plain) = (life.web, &life.witness.plain);
    assert_eq!(life.spool.ledger(web).waiting, plain.readable(cursor, next.plus(2)));
    for (hole, events) in life.read(next.plus(2)) {
        assert_eq!(events, life.witness.plain.known(hole.from, hole.to), "{hole:?}");
        assert!([DropReason::Restart, DropReason::Damaged].contains(&hole.reason));
    }
    assert_eq!(life.witness.sent, next.plus(2), "it cannot be read to its end");
    life.acknowledge(next.plus(2));
    let ledger = life.spool.ledger(web);
    assert!(ledger.balances() && ledger.waiting == 0, "{ledger:?}");
    life.close();
    assert!(witness.is_closed);
    let life = Life::begin(&files, settings, &mut witness).expect("a start");
    assert!(life.spool.was_clean());
    assert_eq!(life.spool.ledger(web), ledger);
}

fn steps_of(settings: &DiskSettings) -> u64 {
    let files = MemoryFiles::new();
    live(&files, settings, &mut Witness::default()).unwrap();
    files.steps()
}

/// Ends it at every step, with several seeds each.
fn end_everywhere(
    durability: Durability,
    spares: bool,
    end: impl Fn(&MemoryFiles, u64) -> MemoryFiles,
    kept: impl Fn(&Witness) -> Offset,
) {
    let settings = DiskSettings { durability, ..settings() };
    let steps = steps_of(&settings);
    assert!(steps > 80, "{steps} steps are too few to mean much");
    for (step, seed) in (0..=steps).flat_map(|step| (0..times(2)).map(move |seed| (step, seed))) {
        let files = MemoryFiles::new();
        files.halt_after(step);
        let mut witness = Witness { spares, ..Witness::default() };
        live(&files, &settings, &mut witness);
        println!("step {step} of {steps}, seed {seed}");
        let kept = kept(&witness);
        check(end(&files, u64::from(seed) << 32 | step), &settings, witness, kept);
    }
}

#[test]
fn a_kill_at_any_step_loses_nothing_that_was_written() {
    for durability in [Durability::Group, Durability::Os] {
        end_everywhere(durability, false, MemoryFiles::kill_within, |witness| {
            witness.written.max(witness.promised)
        });
    }
}

#[test]
fn so_it_is_where_what_everybody_has_is_not_written() {
    for durability in [Durability::Group, Durability::Os] {
        end_everywhere(durability, true, MemoryFiles::kill_within, |witness| {
            witness.written.max(witness.promised)
        });
    }
    end_everywhere(Durability::Group, true, MemoryFiles::cut_power, |witness| witness.promised);
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_promised() {
    end_everywhere(Durability::Group, false, MemoryFiles::cut_power, |witness| witness.promised);
}

#[test]
fn after_a_power_cut_at_any_step_what_is_left_is_true() {
    end_everywhere(Durability::Os, false, MemoryFiles::cut_power, |_| Offset(0));
}
