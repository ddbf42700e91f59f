use std::fmt;

use slog::{BorrowedKV, KV, Key, OwnedKVList, Record, RecordStatic, Serializer};

use super::Level;
use crate::model::UnixMillis;

/// One record, taken out of slog: what the formats write and what a test reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it was made.
    pub time: UnixMillis,
    /// How much it matters.
    pub level: Level,
    /// The module or crate that it comes from.
    pub module: String,
    /// What happened.
    pub message: String,
    /// Its keys and values in the order in which they were written; no key stands twice.
    pub fields: Vec<(String, Value)>,
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, which may hold anything.
    Text(String),
    /// A number, as it is written in JSON.
    Number(String),
    /// Yes or no.
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Number(text) => f.write_str(text),
            Self::Bool(yes) => write!(f, "{yes}"),
        }
    }
}

impl Entry {
    /// Keys that a JSON record has of its own.
    pub(super) const RESERVED: [&'static str; 4] = ["time", "level", "module", "msg"];

    /// The value of `key` as text.
    pub fn get(&self, key: &str) -> Option<String> {
        self.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value.to_string())
    }

    pub(super) fn new(record: &Record, values: &OwnedKVList) -> Self {
        let mut collector = Collector::default();
        let _ = record.kv().serialize(record, &mut collector);
        // slog hands out the newest pair first.
        collector.fields.reverse();
        let own = collector.fields.len();
        let _ = values.serialize(record, &mut collector);
        collector.fields[own..].reverse();
        Self {
            time: collector.time.unwrap_or_else(UnixMillis::now),
            level: record.level().into(),
            module: record.tag().to_owned(),
            message: record.msg().to_string(),
            fields: without_doubles(collector.fields),
        }
    }
}

/// A key that is taken gets a `_` behind it: nothing is lost, and no JSON object has a key twice.
fn without_doubles(fields: Vec<(Key, Value)>) -> Vec<(String, Value)> {
    let mut unique: Vec<(String, Value)> = Vec::with_capacity(fields.len());
    for (key, value) in fields {
        let mut key = key.to_owned();
        while Entry::RESERVED.contains(&key.as_str())
            || unique.iter().any(|(known, _)| *known == key)
        {
            key.push('_');
        }
        unique.push((key, value));
    }
    unique
}

/// Passes `record` on with the time and the name of its module, as it crosses to another thread.
pub(super) fn pass_on<D: slog::Drain + ?Sized>(
    drain: &D,
    module: &str,
    record: &Record,
    values: &OwnedKVList,
) -> Result<D::Ok, D::Err> {
    let fixed = RecordStatic { location: record.location(), tag: module, level: record.level() };
    let stamped = Stamped { time: UnixMillis::now(), kv: record.kv() };
    drain.log(&Record::new(&fixed, record.msg(), BorrowedKV(&stamped)), values)
}

/// The key under which the time travels; no other key starts like this.
const STAMP: Key = "@time";

struct Stamped<'a> {
    time: UnixMillis,
    kv: BorrowedKV<'a>,
}

impl KV for Stamped<'_> {
    fn serialize(&self, record: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        self.kv.serialize(record, serializer)?;
        serializer.emit_u64(STAMP, self.time.0)
    }
}

#[derive(Default)]
struct Collector {
    time: Option<UnixMillis>,
    fields: Vec<(Key, Value)>,
}

impl Collector {
    fn push(&mut self, key: Key, value: Value) -> slog::Result {
        self.fields.push((key, value));
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident $type:ty),+ $(,)?) => {
        $(fn $method(&mut self, key: Key, number: $type) -> slog::Result {
            self.push(key, Value::Number(number.to_string()))
        })+
    };
}

impl Serializer for Collector {
    numbers! {
        emit_u8 u8, emit_u16 u16, emit_u32 u32, emit_usize usize,
        emit_i8 i8, emit_i16 i16, emit_i32 i32, emit_i64 i64, emit_isize isize,
    }

    fn emit_u64(&mut self, key: Key, number: u64) -> slog::Result {
        if key == STAMP {
            self.time = Some(UnixMillis(number));
            return Ok(());
        }
        self.push(key, Value::Number(number.to_string()))
    }

    fn emit_f64(&mut self, key: Key, number: f64) -> slog::Result {
        // JSON knows neither infinities nor NaN.
        let text = number.to_string();
        self.push(key, if number.is_finite() { Value::Number(text) } else { Value::Text(text) })
    }

    fn emit_bool(&mut self, key: Key, yes: bool) -> slog::Result {
        self.push(key, Value::Bool(yes))
    }

    fn emit_none(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }

    fn emit_unit(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }

    fn emit_str(&mut self, key: Key, text: &str) -> slog::Result {
        self.push(key, Value::Text(text.to_owned()))
    }

    fn emit_arguments(&mut self, key: Key, text: &fmt::Arguments) -> slog::Result {
        self.push(key, Value::Text(text.to_string()))
    }
}
