//! What the journal holds, as bytes: a length, a checksum, a kind, and fields in a fixed order,
//! little-endian.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::command::{Answer, Command, millis};
use crate::model::{CommandFault, CommandState, Fields, Name, UnixMillis};

/// Bytes of length and checksum in front of each record.
const HEAD: usize = 8;

/// No record is longer; a length above it is damage.
pub(super) const LONGEST: usize = 16 << 20;

mod kind {
    pub const CLOCK: u8 = 1;
    pub const COMMAND: u8 = 2;
    pub const MOVED: u8 = 3;
    pub const UNWANTED: u8 = 4;
    pub const ENDED: u8 = 5;
    pub const REMEMBERED: u8 = 6;
}

/// How far a command that has not ended has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// It waits.
    Waiting = 1,
    /// A session may have it. Nobody is told: what was not written yet may come back.
    Given = 2,
    /// All of it was handed to the socket.
    Written = 3,
    /// The device's TCP has it.
    Acknowledged = 4,
}

impl Stage {
    fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Waiting, Self::Given, Self::Written, Self::Acknowledged];
        all.into_iter().find(|stage| *stage as u8 == number)
    }

    /// As it is told.
    pub fn state(self) -> CommandState {
        match self {
            Self::Waiting | Self::Given => CommandState::Queued,
            Self::Written => CommandState::Written,
            Self::Acknowledged => CommandState::Acknowledged,
        }
    }
}

/// A command that has not ended, as far as it is worth keeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub command: Command,
    /// Counted from 1.
    pub attempt: u32,
    pub stage: Stage,
    /// What becomes of it instead, should it come back without having been written.
    pub unwanted: Option<CommandState>,
    /// By the wall clock: not sent from then on.
    pub expires: UnixMillis,
    /// When it reached the state that was told last.
    pub since: UnixMillis,
}

/// A command that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub id: Arc<str>,
    pub name: Name,
    pub digest: u64,
    pub attempt: u32,
    pub end: End,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub state: CommandState,
    pub reason: Option<CommandFault>,
    pub time: UnixMillis,
    pub data: Bytes,
}

/// One thing that happened. Commands are known by numbers, which rise and are never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// What the wall clock showed when this was written.
    Clock(UnixMillis),
    /// A command as it stands.
    Command(u64, Box<Kept>),
    /// It has come to another stage.
    Moved { number: u64, attempt: u32, stage: Stage, since: UnixMillis },
    /// Its sender, or a newer one, makes it needless.
    Unwanted { number: u64, state: CommandState },
    /// It has ended.
    Ended { number: u64, end: End },
    /// One that had ended before.
    Remembered(u64, Box<Ended>),
}

pub(super) fn clock(out: &mut Vec<u8>, time: UnixMillis) {
    framed(out, kind::CLOCK, |out| put_u64(out, time.0));
}

pub(super) fn command(out: &mut Vec<u8>, number: u64, kept: &Kept) {
    framed(out, kind::COMMAND, |out| {
        let Kept { command, attempt, stage, unwanted, expires, since } = kept;
        put_u64(out, number);
        put_u32(out, *attempt);
        let flags = [*stage as u8, unwanted.map_or(0, |state| state as u8), command.repeat.into()];
        out.extend_from_slice(&flags);
        put_u64(out, expires.0);
        put_u64(out, since.0);
        put_u64(out, millis(command.ttl));
        put_u64(out, millis(command.timeout));
        put_bytes(out, command.id.as_bytes());
        put_bytes(out, command.name.as_str().as_bytes());
        match &command.answer {
            Answer::Nothing => out.push(0),
            Answer::Frame => out.push(1),
            Answer::Match(pattern) => {
                out.push(2);
                put_bytes(out, pattern.as_bytes());
            }
        }
        out.push(command.key.is_some().into());
        put_bytes(out, command.key.as_deref().unwrap_or_default().as_bytes());
        out.extend_from_slice(&command.data);
    });
}

pub(super) fn moved(out: &mut Vec<u8>, number: u64, kept: &Kept) {
    framed(out, kind::MOVED, |out| {
        put_u64(out, number);
        put_u32(out, kept.attempt);
        out.push(kept.stage as u8);
        put_u64(out, kept.since.0);
    });
}

pub(super) fn unwanted(out: &mut Vec<u8>, number: u64, state: CommandState) {
    framed(out, kind::UNWANTED, |out| {
        put_u64(out, number);
        out.push(state as u8);
    });
}

pub(super) fn ended(out: &mut Vec<u8>, number: u64, end: &End) {
    framed(out, kind::ENDED, |out| {
        put_u64(out, number);
        put_end(out, end);
    });
}

pub(super) fn remembered(out: &mut Vec<u8>, number: u64, ended: &Ended) {
    framed(out, kind::REMEMBERED, |out| {
        put_u64(out, number);
        put_u64(out, ended.digest);
        put_u32(out, ended.attempt);
        put_bytes(out, ended.id.as_bytes());
        put_bytes(out, ended.name.as_str().as_bytes());
        put_end(out, &ended.end);
    });
}

fn put_end(out: &mut Vec<u8>, end: &End) {
    out.extend_from_slice(&[end.state as u8, end.reason.map_or(0, |reason| reason as u8)]);
    put_u64(out, end.time.0);
    out.extend_from_slice(&end.data);
}

fn framed(out: &mut Vec<u8>, kind: u8, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.push(kind);
    fields(out);
    let body = &out[start + HEAD..];
    let (length, sum) = (body.len() as u32, crc32fast::hash(body));
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEAD].copy_from_slice(&sum.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

/// Reads the first record of `bytes`, and how many of them it took. `None` where they are no whole
/// record that is what was written.
pub(super) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(bytes.get(4..HEAD)?.try_into().ok()?);
    if length > LONGEST {
        return None;
    }
    let body = bytes.get(HEAD..HEAD + length)?;
    if crc32fast::hash(body) != sum {
        return None;
    }
    Some((Fields(body).record()?, HEAD + length))
}

impl Fields<'_> {
    fn record(&mut self) -> Option<Record> {
        let kind = self.byte()?;
        let number = self.u64()?;
        Some(match kind {
            kind::CLOCK => Record::Clock(UnixMillis(number)),
            kind::COMMAND => Record::Command(number, Box::new(self.kept()?)),
            kind::MOVED => Record::Moved {
                number,
                attempt: self.u32()?,
                stage: Stage::from_number(self.byte()?)?,
                since: UnixMillis(self.u64()?),
            },
            kind::UNWANTED => {
                Record::Unwanted { number, state: CommandState::from_number(self.byte()?)? }
            }
            kind::ENDED => Record::Ended { number, end: self.end()? },
            kind::REMEMBERED => {
                let (digest, attempt) = (self.u64()?, self.u32()?);
                let (id, name) = (self.long_text()?.into(), Name::new(self.long()?).ok()?);
                let ended = Ended { id, name, digest, attempt, end: self.end()? };
                Record::Remembered(number, Box::new(ended))
            }
            _ => return None,
        })
    }

    fn kept(&mut self) -> Option<Kept> {
        let attempt = self.u32()?;
        let stage = Stage::from_number(self.byte()?)?;
        let unwanted = match self.byte()? {
            0 => None,
            number => Some(CommandState::from_number(number)?),
        };
        let repeat = self.byte()? != 0;
        let (expires, since) = (UnixMillis(self.u64()?), UnixMillis(self.u64()?));
        let ttl = Duration::from_millis(self.u64()?);
        let timeout = Duration::from_millis(self.u64()?);
        let (id, name) = (self.long_text()?.into(), Name::new(self.long()?).ok()?);
        let answer = match self.byte()? {
            0 => Answer::Nothing,
            1 => Answer::Frame,
            2 => Answer::Match(self.long_text()?.into()),
            _ => return None,
        };
        let has_key = self.byte()? != 0;
        let key = self.long_text()?;
        let key = has_key.then(|| key.into());
        let data = Bytes::copy_from_slice(self.0);
        let command = Command { id, name, data, ttl, answer, timeout, key, repeat };
        Some(Kept { command, attempt, stage, unwanted, expires, since })
    }

    fn end(&mut self) -> Option<End> {
        let state = CommandState::from_number(self.byte()?)?;
        let reason = match self.byte()? {
            0 => None,
            number => Some(CommandFault::from_number(number)?),
        };
        let time = UnixMillis(self.u64()?);
        Some(End { state, reason, time, data: Bytes::copy_from_slice(self.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests, *};

    fn kept() -> Kept {
        Kept {
            command: Command {
                answer: Answer::Match("^a".into()),
                key: Some("k".into()),
                ..tests::command("c-1", "pump")
            },
            attempt: 3,
            stage: Stage::Given,
            unwanted: Some(CommandState::Cancelled),
            expires: UnixMillis(9),
            since: UnixMillis(7),
        }
    }

    fn all() -> (Vec<u8>, Vec<Record>) {
        let (mut out, kept) = (Vec::new(), kept());
        let data = Bytes::from_static(b"ok");
        let end = End { state: CommandState::Answered, reason: None, time: UnixMillis(8), data };
        let gone = Ended {
            id: "c-0".into(),
            name: kept.command.name.clone(),
            digest: 77,
            attempt: 1,
            end: End { reason: Some(CommandFault::NoAnswer), ..end.clone() },
        };
        clock(&mut out, UnixMillis(5));
        command(&mut out, 1, &kept);
        moved(&mut out, 1, &kept);
        unwanted(&mut out, 1, CommandState::Superseded);
        ended(&mut out, 1, &end);
        remembered(&mut out, 2, &gone);
        let records = vec![
            Record::Clock(UnixMillis(5)),
            Record::Command(1, Box::new(kept)),
            Record::Moved { number: 1, attempt: 3, stage: Stage::Given, since: UnixMillis(7) },
            Record::Unwanted { number: 1, state: CommandState::Superseded },
            Record::Ended { number: 1, end },
            Record::Remembered(2, Box::new(gone)),
        ];
        (out, records)
    }

    #[test]
    fn every_record_comes_back_as_it_went_in() {
        let (bytes, records) = all();
        let mut rest = &bytes[..];
        for record in records {
            let (decoded, length) = decode(rest).unwrap();
            assert_eq!(decoded, record);
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_record_that_is_cut_or_flipped_anywhere_is_none() {
        let (mut bytes, records) = all();
        let mut start = 0;
        for record in records {
            let length = decode(&bytes[start..]).unwrap().1;
            for cut in start..start + length {
                assert_eq!(decode(&bytes[start..cut]), None);
                bytes[cut] ^= 0x10;
                let found = decode(&bytes[start..]).map(|(record, _)| record);
                assert_ne!(found, Some(record.clone()));
                bytes[cut] ^= 0x10;
            }
            start += length;
        }
    }
}
