//! Stands between the gateway and its spool, and writes down what gets an offset.

use std::{io, sync::Arc};

use tetherd::{
    model::{Event, Offset},
    spool::{Batch, Ledger, Pressure, Read, ReaderId, ReaderSettings, Spool},
};
use tokio::sync::{Notify, watch};

use crate::{book::Book, life::Life, worker::Worker, world::Records};

/// A spool of which nothing stays secret.
pub struct Witness {
    pub spool: Arc<dyn Spool>,
    /// Works it, if it is one that has to be worked.
    pub worker: Option<Arc<Worker>>,
    pub life: Arc<Life>,
    pub records: Arc<Records>,
    pub book: Arc<Book>,
}

impl Witness {
    fn ring(&self) {
        if let Some(worker) = &self.worker {
            worker.ring();
        }
    }
}

impl Spool for Witness {
    fn append(&self, batch: &mut Batch) -> Option<Offset> {
        if !self.life.step() {
            // The dead tell nothing.
            return self.spool.append(batch);
        }
        let mut appended = Batch::new();
        batch.events().for_each(|event| appended.push(&event));
        let first = self.spool.append(batch)?;
        self.ring();
        let mut truth = self.records.truth();
        for (event, at) in appended.events().zip(0..) {
            self.book.check(truth.happened(first.0 + at, &event));
            self.book.saw(match event {
                Event::Offline { reason, .. } => reason.as_str(),
                Event::Data { name: "unknown", .. } => "data without a name",
                _ => event.kind(),
            });
        }
        Some(first)
    }

    fn open_reader(&self, settings: &ReaderSettings) -> ReaderId {
        self.spool.open_reader(settings)
    }

    fn read(&self, reader: ReaderId, from: Offset) -> Read {
        self.life.step();
        let read = self.spool.read(reader, from);
        if let (Read::Empty, true, Some(worker)) = (&read, from < self.next(), &self.worker) {
            worker.hurry();
        }
        read
    }

    fn acknowledge(&self, reader: ReaderId, through: Offset) -> u64 {
        self.life.step();
        self.ring();
        self.spool.acknowledge(reader, through)
    }

    fn give_up(&self, from: Offset, to: Offset) -> bool {
        self.spool.give_up(from, to)
    }

    fn found(&self, reader: ReaderId, events: u64) {
        self.spool.found(reader, events);
    }

    fn skip(&self, reader: ReaderId, through: Offset) {
        self.spool.skip(reader, through);
    }

    fn cursor(&self, reader: ReaderId) -> Offset {
        self.spool.cursor(reader)
    }

    fn next(&self) -> Offset {
        self.spool.next()
    }

    fn began(&self) -> Offset {
        self.spool.began()
    }

    fn was_clean(&self) -> bool {
        self.spool.was_clean()
    }

    fn promised(&self) -> Option<watch::Receiver<Offset>> {
        self.spool.promised()
    }

    /// Its threads would know no virtual time: the worker does what they would.
    fn start(&self) -> io::Result<()> {
        match &self.worker {
            Some(worker) => worker.begin(),
            None => self.spool.start(),
        }
    }

    fn close(&self) -> bool {
        let Some(worker) = &self.worker else { return self.spool.close() };
        worker.stop();
        let is_safe = self.spool.close();
        worker.closed(is_safe);
        is_safe
    }

    fn appended(&self, reader: ReaderId) -> Arc<Notify> {
        self.spool.appended(reader)
    }

    fn pressure(&self) -> &Pressure {
        self.spool.pressure()
    }

    fn ledger(&self, reader: ReaderId) -> Ledger {
        self.spool.ledger(reader)
    }

    fn id(&self) -> &str {
        self.spool.id()
    }
}
