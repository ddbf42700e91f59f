//! Walks the frames of one segment, and finds the way on behind damage.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::format::{Checksum, FRAME, HEADER, Head, Header};
use crate::{
    model::Offset,
    spool::{Block, File},
};

/// So many bytes are read at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// Pages that cannot be read are passed over one by one.
const PAGE: usize = 4 << 10;

/// What a walk meets next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Events.
    Events(Block),
    /// Something that cannot be read stands between here and the next sound frame.
    Damage(Damage),
    /// The segment was closed in good order.
    Seal,
    /// Nothing sound follows. `torn` if something was begun there.
    End {
        /// Whether there are bytes behind the last frame that are no frame.
        torn: bool,
    },
}

/// A part of a segment that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where it begins in the file.
    pub(super) at: u64,
    /// How many bytes there are up to the next sound frame.
    pub(super) size: u64,
    /// First offset that is lost.
    pub(super) from: Offset,
    /// Offset of the next sound frame.
    pub(super) to: Offset,
}

/// A walk through a segment, frame by frame. Holds one chunk of it in memory.
#[derive(Debug)]
pub(super) struct Walk {
    file: Arc<dyn File>,
    checksum: Checksum,
    /// How far the file goes.
    size: u64,
    /// Where the next frame begins.
    position: u64,
    /// The offset that it should have.
    expected: Offset,
    /// Offsets from here on are none of this segment's business.
    bound: Offset,
    chunk: Bytes,
    /// Where the chunk begins in the file.
    chunk_at: u64,
    /// Pages that cannot be read are passed over; else they end the walk with an error.
    passes_over: bool,
}

/// Where a walk goes on, without the file: who holds a file open holds its room on the disk.
#[derive(Debug)]
pub(super) struct Place {
    position: u64,
    expected: Offset,
    size: u64,
    chunk: Bytes,
    chunk_at: u64,
}

impl Place {
    /// The offset of the next frame.
    pub(super) fn expected(&self) -> Offset {
        self.expected
    }
}

impl Walk {
    /// Begins behind the header.
    pub(super) fn new(file: Arc<dyn File>, header: &Header, size: u64, bound: Offset) -> Self {
        Self {
            file,
            checksum: header.checksum(),
            size,
            position: HEADER as u64,
            expected: header.base,
            bound,
            chunk: Bytes::new(),
            chunk_at: 0,
            passes_over: true,
        }
    }

    /// Pages that cannot be read end the walk with an error: they may be read another time.
    pub(super) fn stops_at_bad_pages(&mut self) {
        self.passes_over = false;
    }

    /// Goes on where another walk through this segment was left.
    pub(super) fn go_on(&mut self, place: Place) {
        (self.position, self.expected) = (place.position, place.expected);
        // The chunk may end where the file did when it was read.
        if place.size == self.size {
            (self.chunk, self.chunk_at) = (place.chunk, place.chunk_at);
        }
    }

    /// Leaves the file.
    pub(super) fn leave(self) -> Place {
        let Self { position, expected, size, chunk, chunk_at, .. } = self;
        Place { position, expected, size, chunk, chunk_at }
    }

    /// Goes on at a place where a frame is known to begin.
    pub(super) fn seek(&mut self, position: u64, expected: Offset) {
        (self.position, self.expected) = (position, expected);
    }

    /// The file that it goes through.
    pub(super) fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Where the next frame begins, and its offset.
    pub(super) fn place(&self) -> (u64, Offset) {
        (self.position, self.expected)
    }

    /// The next step.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        if self.expected >= self.bound {
            return Ok(Step::End { torn: false });
        }
        match self.sound_frame(self.position, self.expected)? {
            Some((head, frame)) if head.base == self.expected => Ok(self.take(&head, &frame)),
            _ => self.search(),
        }
    }

    fn take(&mut self, head: &Head, frame: &Bytes) -> Step {
        if head.count == 0 {
            return Step::Seal;
        }
        self.position += head.size() as u64;
        self.expected = head.end();
        let records = frame.slice(FRAME..head.size());
        Step::Events(Block::new(head.base, head.count, records))
    }

    /// Looks for the next sound frame behind a place where there should be one. None: the walk is
    /// over, at a torn tail or at a blank one.
    fn search(&mut self) -> io::Result<Step> {
        let (begun, from) = (self.position, self.expected);
        let mut torn = false;
        let mut at = begun;
        while at + FRAME as u64 <= self.size {
            let window = self.window(at, FRAME)?;
            if window.len() < FRAME {
                // The file is shorter than it was.
                break;
            }
            // A frame may begin with a few zeros of its own: its checksum.
            let zeros = leading_zeros(&window).saturating_sub(FRAME - 1) as u64;
            if zeros > 0 {
                at += zeros;
                continue;
            }
            torn = true;
            if let Some((head, _)) = self.sound_frame(at, from)? {
                self.seek(at, head.base);
                return Ok(Step::Damage(Damage {
                    at: begun,
                    size: at - begun,
                    from,
                    to: head.base,
                }));
            }
            at += 1;
        }
        let rest = self.window(at.min(self.size), 1)?;
        torn |= rest.iter().any(|byte| *byte != 0);
        Ok(Step::End { torn })
    }

    /// The frame at `at`, if there is one, with offsets from `from` up to the bound.
    fn sound_frame(&mut self, at: u64, from: Offset) -> io::Result<Option<(Head, Bytes)>> {
        let room = self.size.saturating_sub(at);
        let Some(head) = Head::decode(&self.window(at, FRAME)?) else { return Ok(None) };
        if head.is_blank() || !head.is_plausible(from, self.bound, room) {
            return Ok(None);
        }
        let frame = self.window(at, head.size())?;
        Ok(head.is_sound(&self.checksum, &frame).then_some((head, frame)))
    }

    /// The bytes from `at` on: at least `least`, if the segment goes so far.
    fn window(&mut self, at: u64, least: usize) -> io::Result<Bytes> {
        let end = (at + least as u64).min(self.size);
        let chunk_end = self.chunk_at + self.chunk.len() as u64;
        if at < self.chunk_at || end > chunk_end {
            let size = (self.size.saturating_sub(at)).min(least.max(CHUNK) as u64);
            self.chunk = read(&*self.file, at, size as usize, self.passes_over)?;
            self.chunk_at = at;
        }
        let start = (at - self.chunk_at) as usize;
        Ok(self.chunk.slice(start.min(self.chunk.len())..))
    }
}

/// How many zeros there are before anything else. What was never written is many megabytes of them.
fn leading_zeros(bytes: &[u8]) -> usize {
    const ZEROS: [u8; PAGE] = [0; PAGE];
    let blank = bytes.chunks_exact(PAGE).take_while(|page| **page == ZEROS).count() * PAGE;
    blank + bytes[blank..].iter().take_while(|byte| **byte == 0).count()
}

/// Reads from a file that may have pages which cannot be read: those read as zeros if they are to be
/// passed over.
fn read(file: &dyn File, at: u64, size: usize, passes_over: bool) -> io::Result<Bytes> {
    let mut bytes = vec![0; size];
    match file.read_at(at, &mut bytes) {
        Ok(read) => bytes.truncate(read),
        Err(error) if !passes_over => return Err(error),
        Err(_) => read_pages(file, at, &mut bytes)?,
    }
    Ok(bytes.into())
}

fn read_pages(file: &dyn File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    let mut fault = None;
    let mut any = false;
    for (page, bytes) in bytes.chunks_mut(PAGE).enumerate() {
        match file.read_at(at + (page * PAGE) as u64, bytes) {
            Ok(_) => any = true,
            Err(error) => {
                bytes.fill(0);
                fault = Some(error);
            }
        }
    }
    match fault {
        // Nothing of the file can be read: that is no bad page.
        Some(fault) if !any && file.read_at(0, &mut [0; HEADER]).is_err() => Err(fault),
        _ => Ok(()),
    }
}
