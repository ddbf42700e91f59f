use std::task::Poll;

use super::Session;
use crate::{actors::thread::Way, extension::Happened};

impl Session {
    /// Writes what is queued, as far as the device takes it.
    pub(super) fn write(&mut self) {
        loop {
            let thread = std::rc::Rc::clone(&self.thread);
            let (slot, stream) = (self.slot, &mut self.stream);
            let telemetry = &thread.ports.telemetry;
            let written = thread.with(slot, |who| {
                if who.outbound.is_empty() {
                    return None;
                }
                let stayed = who.outbound.stayed();
                let Poll::Ready(written) = stream.poll_write_some(who.outbound.waiting()) else {
                    who.outbound.stay();
                    telemetry.outbound_changed(stayed, who.outbound.stayed());
                    return None;
                };
                Some(written.map(|count| {
                    who.sent += count as u64;
                    thread.passed(slot, who, Way::Sent, &who.outbound.waiting()[..count]);
                    let has_room = who.outbound.written(count);
                    telemetry.outbound_changed(stayed, who.outbound.stayed());
                    has_room
                }))
            });
            match written.flatten() {
                None => break,
                Some(Ok(false)) => {}
                Some(Ok(true)) => self.thread.observe(self.slot, || Happened::Writable),
                Some(Err(error)) => return self.broken(&error),
            }
        }
        self.finish();
    }

    /// Tells the device that nothing more will come, once that was asked for and all is written.
    fn finish(&mut self) {
        let must = self.thread.with(self.slot, |who| who.outbound.must_finish());
        if must != Some(true) {
            return;
        }
        match self.stream.poll_finish() {
            Poll::Pending => {}
            // A socket that cannot be finished is gone, and reading will tell how.
            Poll::Ready(_) => {
                self.thread.with(self.slot, |who| who.outbound.finished());
            }
        }
    }
}
