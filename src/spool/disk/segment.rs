use std::{io, sync::Arc};

use super::format::{
    self, Checksum, FRAME, HEADER, Header, SEAL, put_frame, put_seal, segment_name,
};
use crate::{
    model::{Offset, UnixMillis},
    spool::{Block, File, Files},
};

/// Most bytes of events in one frame: what one damaged byte may cost.
const FRAME_LIMIT: usize = 256 << 10;

/// So much at a time is written once more.
const AGAIN: usize = 1 << 20;

/// What is known of a segment on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    /// Offset behind its last event.
    pub(super) end: Offset,
    /// How much of the disk it takes.
    pub(super) bytes: u64,
    /// Up to where there are frames.
    pub(super) filled: u64,
    /// When it was closed, if it was.
    pub(super) sealed: Option<UnixMillis>,
}

/// A segment with room and without events, ready to be written.
#[derive(Debug)]
pub(super) struct Spare {
    number: u64,
    file: Arc<dyn File>,
    pub(super) size: u64,
}

impl Spare {
    /// Makes one of `size` bytes. This is where a full disk shows; what was begun is there then.
    pub(super) fn make(files: &dyn Files, number: u64, size: u64) -> io::Result<Self> {
        let file = files.create(&segment_name(number))?;
        file.allocate(size)?;
        files.sync_names()?;
        Ok(Self { number, file, size })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Begins to be written: the first event that comes gets the offset `base`.
    pub(super) fn begin(
        self,
        base: Offset,
        previous_end: Offset,
        began: Offset,
    ) -> Result<Open, (Self, io::Error)> {
        let header = Header {
            number: self.number,
            base,
            previous_end,
            salt: rand::random(),
            made: UnixMillis::now(),
            began,
        };
        if let Err(error) = self.file.write_at(0, &header.encode()) {
            return Err((self, error));
        }
        Ok(Open {
            header,
            checksum: header.checksum(),
            file: self.file,
            size: self.size,
            position: HEADER as u64,
            end: base,
            synced: 0,
        })
    }
}

/// A segment that is being written.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) header: Header,
    checksum: Checksum,
    pub(super) file: Arc<dyn File>,
    /// Bytes that it has room for.
    size: u64,
    /// Where the next frame goes.
    pub(super) position: u64,
    /// Offset behind its last event.
    pub(super) end: Offset,
    /// Up to here everything is safe.
    pub(super) synced: u64,
}

impl Open {
    /// Bytes of a segment that these events need, and nothing else.
    pub(super) fn least_for(block: &Block) -> u64 {
        (HEADER + FRAME + block.size() + SEAL) as u64
    }

    /// Bytes that are left for frames.
    pub(super) fn room(&self) -> u64 {
        (self.size - self.position).saturating_sub(SEAL as u64)
    }

    /// Writes as many of `blocks` as fit, joined to as few frames as may be; answers how many that
    /// were, and the frames as they can be read from now on.
    pub(super) fn put(&mut self, blocks: &[Block]) -> io::Result<(usize, Vec<Block>)> {
        let size: usize = blocks.iter().map(|block| block.size() + FRAME).sum();
        let mut bytes = Vec::with_capacity(size.min(self.room() as usize));
        let mut frames = Vec::new();
        let mut done = 0;
        while done < blocks.len() {
            let room = self.room() as usize - bytes.len();
            let joined = fitting(&blocks[done..], room);
            if joined == 0 {
                break;
            }
            frames.push(self.frame(&blocks[done..done + joined], &mut bytes));
            done += joined;
        }
        if done == 0 {
            return Ok((0, Vec::new()));
        }
        self.file.write_at(self.position, &bytes)?;
        self.position += bytes.len() as u64;
        self.end = blocks[done - 1].end();
        Ok((done, cut(bytes.into(), &frames)))
    }

    /// Joins `blocks` to one frame behind `out`; answers where its records are.
    fn frame(&self, blocks: &[Block], out: &mut Vec<u8>) -> Framed {
        let start = out.len();
        let base = blocks[0].base();
        let count = blocks.iter().map(Block::count).sum();
        let records: Vec<&[u8]> = blocks.iter().map(Block::records).collect();
        put_frame(out, &self.checksum, base, count, &records);
        Framed { base, count, start: start + FRAME, end: out.len() }
    }

    /// Closes it: nothing is written here any more. Gives back the room it did not use, and waits
    /// until all is safe.
    pub(super) fn seal(&mut self, sealed: UnixMillis) -> io::Result<u64> {
        let mut bytes = Vec::with_capacity(SEAL);
        put_seal(&mut bytes, &self.checksum, self.end, sealed);
        self.file.write_at(self.position, &bytes)?;
        let size = self.position + SEAL as u64;
        self.file.truncate(size)?;
        self.file.sync()?;
        self.synced = self.position;
        Ok(size)
    }

    pub(super) fn info(&self) -> Segment {
        Segment {
            header: self.header,
            end: self.end,
            bytes: self.size,
            filled: self.position,
            sealed: None,
        }
    }
}

/// Closes a segment that a process before this one left open, and makes it safe. Where that fails, it is merely looked
/// through again at the next start.
pub(super) fn seal_late(file: &dyn File, segment: &Segment, sealed: UnixMillis) -> io::Result<u64> {
    let mut bytes = Vec::with_capacity(SEAL);
    put_seal(&mut bytes, &segment.header.checksum(), segment.end, sealed);
    // What stands behind the last frame must not be taken for a part of it later.
    file.truncate(segment.filled)?;
    write_again(file, segment.filled)?;
    file.write_at(segment.filled, &bytes)?;
    file.sync()?;
    Ok(segment.filled + SEAL as u64)
}

/// Writes what is there once more. The process before this one may have met a failed sync: then the
/// pages that we read count as clean, and no sync would bring them to the disk.
fn write_again(file: &dyn File, size: u64) -> io::Result<()> {
    let mut bytes = vec![0; AGAIN.min(size as usize)];
    let mut at = 0;
    while at < size {
        let piece = bytes.len().min((size - at) as usize);
        let read = file.read_at(at, &mut bytes[..piece])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(at, &bytes[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// The seal of a segment, if it has one.
pub(super) fn read_seal(
    file: &dyn File,
    header: &Header,
    size: u64,
) -> io::Result<Option<(Offset, UnixMillis)>> {
    let Some(at) = size.checked_sub(SEAL as u64).filter(|at| *at >= HEADER as u64) else {
        return Ok(None);
    };
    let mut bytes = [0; SEAL];
    file.read_at(at, &mut bytes)?;
    let Some(head) = format::Head::decode(&bytes) else { return Ok(None) };
    let is_seal = head.count == 0
        && head.is_plausible(header.base, Offset(u64::MAX), SEAL as u64)
        && head.is_sound(&header.checksum(), &bytes);
    let time = bytes[FRAME..].first_chunk().map_or(0, |time| u64::from_le_bytes(*time));
    Ok(is_seal.then_some((head.base, UnixMillis(time))))
}

/// Where a frame's records are in what was written.
struct Framed {
    base: Offset,
    count: u32,
    start: usize,
    end: usize,
}

/// How many of `blocks` go into one frame.
fn fitting(blocks: &[Block], room: usize) -> usize {
    let mut size = FRAME;
    let mut count = 0;
    if blocks.first().is_some_and(Block::is_delivered) {
        return usize::from(size <= room);
    }
    for block in blocks.iter().take_while(|block| !block.is_delivered()) {
        let too_much = count > 0 && size + block.size() > FRAME + FRAME_LIMIT;
        if size + block.size() > room || too_much {
            break;
        }
        size += block.size();
        count += 1;
    }
    count
}

fn cut(bytes: bytes::Bytes, frames: &[Framed]) -> Vec<Block> {
    let block =
        |frame: &Framed| Block::new(frame.base, frame.count, bytes.slice(frame.start..frame.end));
    frames.iter().map(block).collect()
}
