//! What must be known beside the events: which offsets are given out, and how far each upstream has
//! come. One small file with two places that are written in turns, so that a torn write leaves the
//! one before it, and a full disk does not matter.

use std::{collections::BTreeMap, io, sync::Arc};

use serde::{Deserialize, Serialize};

use super::format::FORMAT;
use crate::{
    model::Offset,
    spool::{DropReason, File, Files, cursor::Progress, holes::Hole},
};

/// Offsets are reserved in blocks of so many.
pub(super) const BLOCK: u64 = 1 << 20;

/// The file's name.
pub(crate) const NAME: &str = "state";

/// The name it has until it is whole.
const NEW: &str = "state.new";

/// Bytes of each place: room for some 400 upstreams.
const PLACE: usize = 64 << 10;

/// Bytes in front of a place's text: magic, checksum, length, generation.
const HEAD: usize = 24;

const MAGIC: [u8; 8] = *b"tdstate\x16";

/// What is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The format of the whole folder.
    pub format: u32,
    /// A word that stays the same for the life of the spool.
    pub id: String,
    /// Offsets below this may have been given out.
    pub reserved: Offset,
    /// After a stop in good order: the offset that the next event gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<Offset>,
    /// How far each upstream has come, by name.
    pub upstreams: BTreeMap<String, Progress>,
    /// Offsets without an event, as long as an upstream may come by there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
    /// Something newer may have been stored, and was damaged.
    #[serde(skip)]
    pub is_doubtful: bool,
}

impl Stored {
    /// The other place may have been newer. It was written one store later, so it cannot have
    /// reserved far more than the next block, or two where a burst came.
    fn in_doubt(self) -> Self {
        let reserved = self.reserved.plus(2 * BLOCK);
        Self { clean: None, reserved, is_doubtful: true, ..self }
    }
}

/// What was found where the state should be.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is no spool yet.
    Nothing,
    /// This.
    State(Stored),
    /// A file that holds no state any more.
    Damaged,
    /// A later version has written it.
    Newer(u32),
}

/// The open state file.
#[derive(Debug)]
pub(super) struct StateFile {
    file: Arc<dyn File>,
    generation: u64,
}

/// Reads the state without touching it.
pub(crate) fn look(files: &dyn Files) -> io::Result<Found> {
    match files.open(NAME) {
        Ok(file) => newest(&*file).map(|newest| newest.found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

impl StateFile {
    /// Opens the file that is there, to go on with it. The newest place is made safe before the
    /// other one is overwritten: a kill, or a failed sync, may have left it in the page cache only.
    pub(super) fn open(files: &dyn Files) -> io::Result<Self> {
        let file = files.open(NAME)?;
        let Newest { generation, .. } = newest(&*file)?;
        let mut bytes = vec![0; PLACE];
        let read = file.read_at(place(generation), &mut bytes)?;
        file.write_at(place(generation), &bytes[..read])?;
        file.sync()?;
        Ok(Self { file, generation })
    }

    /// Makes one that holds `first`. What was there before is replaced.
    pub(super) fn create(files: &dyn Files, first: &Stored) -> io::Result<Self> {
        match files.remove(NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = files.create(NEW)?;
        file.allocate(2 * PLACE as u64)?;
        let mut state = Self { file, generation: 0 };
        // Both places: from now on one that is not whole was torn, or damaged.
        state.store(first)?;
        state.store(first)?;
        files.rename(NEW, NAME)?;
        files.sync_names()?;
        Ok(state)
    }

    /// Stores, and waits until it is safe.
    pub(super) fn store(&mut self, state: &Stored) -> io::Result<()> {
        let text = text(state)?;
        // After a failure nobody knows what stands in the place that was meant; the other one is
        // whole, and stays so.
        let generation = self.generation + 1;
        let mut bytes = Vec::with_capacity(HEAD + text.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&checksum(generation, &text).to_le_bytes());
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(&text);
        self.file.write_at(place(generation), &bytes)?;
        self.file.sync()?;
        self.generation = generation;
        Ok(())
    }
}

/// `state` as text that fits into a place. Holes that do not are found once more when somebody comes
/// by, first of all the jumps: the segments tell of them as well, but for the last one, which may
/// have no segment behind it yet.
fn text(state: &Stored) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(state)?;
    if text.len() <= PLACE - HEAD {
        return Ok(text);
    }
    let mut state = state.clone();
    let last = state.holes.last().copied();
    state.holes.retain(|hole| hole.reason != DropReason::Restart);
    let is_jump = |hole: &Hole| hole.reason == DropReason::Restart;
    state.holes.splice(..0, last.filter(is_jump));
    loop {
        let text = serde_json::to_vec(&state)?;
        if text.len() <= PLACE - HEAD {
            return Ok(text);
        }
        if state.holes.len() <= 1 {
            return Err(io::Error::other("too many upstreams for one spool; forget some"));
        }
        state.holes.truncate(state.holes.len() * 7 / 8);
    }
}

fn place(generation: u64) -> u64 {
    generation % 2 * PLACE as u64
}

fn checksum(generation: u64, text: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    hasher.update(text);
    hasher.finalize()
}

/// The newer of both places, if one is whole.
struct Newest {
    generation: u64,
    found: Found,
}

fn newest(file: &dyn File) -> io::Result<Newest> {
    // A place that cannot be read is as good as none.
    let place = |generation| read(file, generation).unwrap_or_default();
    let (first, second) = (place(0), place(1));
    let are_whole = first.is_some() && second.is_some();
    let newest = [first, second].into_iter().flatten().max_by_key(|(generation, _)| *generation);
    let Some((generation, found)) = newest else {
        return Ok(Newest { generation: 0, found: Found::Damaged });
    };
    let found = match found {
        Found::State(stored) if !are_whole => Found::State(stored.in_doubt()),
        found => found,
    };
    Ok(Newest { generation, found })
}

fn read(file: &dyn File, generation: u64) -> io::Result<Option<(u64, Found)>> {
    let mut bytes = vec![0; PLACE];
    let read = file.read_at(place(generation), &mut bytes)?;
    Ok(decode(&bytes[..read]))
}

fn decode(bytes: &[u8]) -> Option<(u64, Found)> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let crc = u32::from_le_bytes(*head[8..].first_chunk()?);
    let length = u32::from_le_bytes(*head[12..].first_chunk()?) as usize;
    let generation = u64::from_le_bytes(*head[16..].first_chunk()?);
    let text = rest.get(..length)?;
    if head[..8] != MAGIC || checksum(generation, text) != crc {
        return None;
    }
    let Format { format } = serde_json::from_slice(text).ok()?;
    if format > FORMAT {
        return Some((generation, Found::Newer(format)));
    }
    Some((generation, Found::State(serde_json::from_slice(text).ok()?)))
}
