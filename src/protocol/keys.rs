//! Keys of protocol files: reading them with every fault in its place.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::literal;
use crate::units::Span;

/// Something in a protocol file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{key}: {what}{}", at(.line), hint(.nearest))]
pub struct ProtocolFault {
    /// The line, counted from 1, where one can be named.
    pub line: Option<usize>,
    /// The key with its table, such as `registration.head`; the file's name if no key is to blame.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub what: String,
    /// For an unknown key: the known key that is closest, if any is close.
    pub nearest: Option<String>,
}

fn at(line: &Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean {key:?}?")).unwrap_or_default()
}

/// One table of a protocol file, and where its faults go.
pub(super) struct Section<'a, 's, 'f> {
    pub source: &'s str,
    /// The table's own key with a dot, or nothing for the root.
    pub prefix: String,
    /// Without a table there are no keys, and no faults.
    pub table: Option<&'a DeTable<'s>>,
    /// Where keys are taken from that the table does not have.
    pub defaults: Option<&'a DeTable<'s>>,
    pub faults: &'f mut Vec<ProtocolFault>,
}

impl<'a, 's, 'f> Section<'a, 's, 'f> {
    /// The whole of a file.
    pub fn root(
        source: &'s str,
        table: &'a DeTable<'s>,
        faults: &'f mut Vec<ProtocolFault>,
    ) -> Self {
        Self { source, prefix: String::new(), table: Some(table), defaults: None, faults }
    }

    /// Tells of keys outside `known`; those in `later` belong to the vocabulary and are refused
    /// until they are built.
    pub fn refuse_others(&mut self, known: &[&str], later: &[&str]) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let (what, nearest) = if later.contains(&name) {
                ("is not built yet; take it out", None)
            } else {
                ("is no key of a protocol file", nearest(name, known.iter().chain(later)))
            };
            self.faults.push(ProtocolFault {
                line: Some(line_at(self.source, key.span().start)),
                key: format!("{}{name}", self.prefix),
                what: what.to_owned(),
                nearest,
            });
        }
    }

    /// Tells of a fault at `key`.
    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        let line = self.entry(key).map(|(start, _)| line_at(self.source, start));
        let key = format!("{}{key}", self.prefix);
        self.faults.push(ProtocolFault { line, key, what: what.into(), nearest: None });
    }

    /// The table `value`, which stands at `key` of this one.
    pub fn below<'b>(
        &'b mut self,
        key: &str,
        table: Option<&'a DeTable<'s>>,
    ) -> Section<'a, 's, 'b> {
        let prefix = format!("{}{key}.", self.prefix);
        Section { source: self.source, prefix, table, defaults: None, faults: self.faults }
    }

    /// The keys that are written, in order, and their values.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a DeValue<'s>)> + use<'a, 's> {
        let all = self.table.into_iter().flatten();
        all.map(|(key, value)| (key.get_ref().as_ref(), value.get_ref()))
    }

    /// The value at `key`, whatever it is.
    pub fn value(&self, key: &str) -> Option<&'a DeValue<'s>> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Whether `key` is written.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Whether `key` is written here, and not only among the defaults.
    pub fn has_own(&self, key: &str) -> bool {
        self.entries().any(|(known, _)| known == key)
    }

    /// A text that is one of `words`; tells of others with what is known.
    pub fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if known.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.fault(key, format!("must be {}", all.join(" or ")));
        }
        known
    }

    /// A whole number, perhaps negative.
    pub fn number(&mut self, key: &str) -> Option<i64> {
        self.read(key, "must be a whole number", number)
    }

    /// A place in a frame: a number of bytes, negative from the end.
    pub fn place(&mut self, key: &str) -> Option<i32> {
        self.read(key, "must be a whole number of bytes, negative from the end", |value| {
            i32::try_from(number(value)?).ok().filter(|at| at.unsigned_abs() <= 1 << 20)
        })
    }

    /// A whole number from zero to `most`.
    pub fn size(&mut self, key: &str, most: usize) -> Option<usize> {
        let what = format!("must be a whole number from 0 to {most}");
        self.read(key, &what, |value| {
            usize::try_from(number(value)?).ok().filter(|size| *size <= most)
        })
    }

    /// A number of bits.
    pub fn bits(&mut self, key: &str) -> Option<u64> {
        self.read(key, "must be a whole number above zero, such as 0x7fff", |value| {
            u64::try_from(number(value)?).ok()
        })
    }

    /// A text.
    pub fn text(&mut self, key: &str) -> Option<&'a str> {
        self.read(key, "must be a string", |value| value.as_str())
    }

    /// A yes or no; no if absent.
    pub fn flag(&mut self, key: &str) -> bool {
        self.read(key, "must be true or false", |value| value.as_bool()).unwrap_or(false)
    }

    /// A table.
    pub fn table(&mut self, key: &str) -> Option<&'a DeTable<'s>> {
        self.read(key, "must be a table", |value| value.as_table())
    }

    /// A whole number from 1 to `most`.
    pub fn count(&mut self, key: &str, most: usize) -> Option<usize> {
        let what = format!("must be a whole number from 1 to {most}");
        self.read(key, &what, |value| {
            let number = value.as_integer()?;
            let number = usize::from_str_radix(number.as_str(), number.radix()).ok()?;
            (1..=most).contains(&number).then_some(number)
        })
    }

    /// A length of time above zero.
    pub fn span(&mut self, key: &str) -> Option<Duration> {
        let what = "must be a duration above zero with its unit, such as '1s'";
        self.read(key, what, |value| value.as_str()?.parse::<Span>().ok()?.non_zero())
    }

    /// A byte string.
    pub fn bytes(&mut self, key: &str) -> Option<Vec<u8>> {
        let text = self.text(key)?;
        literal::bytes(text).map_err(|what| self.fault(key, what)).ok()
    }

    /// The tables of a list of tables; none if absent.
    pub fn tables(&mut self, key: &str) -> Vec<&'a DeTable<'s>> {
        let list = self.read(key, "must be a list of tables, each begun by [[..]]", |value| {
            value.as_array()?.iter().map(|one| one.get_ref().as_table()).collect()
        });
        list.unwrap_or_default()
    }

    /// A byte string, or a list of them; none if it is neither.
    pub fn list_of_bytes(&self, key: &str) -> Option<Vec<Vec<u8>>> {
        let all = self.list_of_texts(key)?;
        all.into_iter().map(|text| literal::bytes(text).ok()).collect()
    }

    /// A text, or a list of them; none if it is neither.
    pub fn list_of_texts(&self, key: &str) -> Option<Vec<&'a str>> {
        let value = self.value(key)?;
        match value.as_array() {
            Some(list) => list.iter().map(|value| value.get_ref().as_str()).collect(),
            None => Some(vec![value.as_str()?]),
        }
    }

    /// A list of single bytes, each written as a byte string; empty if absent.
    pub fn single_bytes(&mut self, key: &str) -> Vec<u8> {
        let what = "must be a list of single bytes, such as ['\\n', ';']";
        let list = self.read(key, what, |value| {
            let list = value.as_array()?.iter().map(|one| one.get_ref().as_str());
            list.map(|text| single_byte(text?)).collect()
        });
        list.unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        key: &str,
        what: &str,
        take: impl FnOnce(&'a DeValue<'s>) -> Option<T>,
    ) -> Option<T> {
        let (_, value) = self.entry(key)?;
        let taken = take(value);
        if taken.is_none() {
            self.fault(key, what);
        }
        taken
    }

    fn entry(&self, key: &str) -> Option<(usize, &'a DeValue<'s>)> {
        let of = |table: &'a DeTable<'s>| table.iter().find(|(name, _)| name.get_ref() == key);
        let (name, value) = self.table.and_then(of).or_else(|| self.defaults.and_then(of))?;
        Some((name.span().start, value.get_ref()))
    }
}

/// The whole number that `value` is.
pub(super) fn number(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Faults of a text that is no TOML: one a line, since the first brings others with it.
pub(super) fn syntax(source: &str, name: &str, errors: &[toml::de::Error]) -> Vec<ProtocolFault> {
    let fault = |error: &toml::de::Error| ProtocolFault {
        line: error.span().map(|span| line_at(source, span.start)),
        key: name.to_owned(),
        what: format!("is no TOML: {}", error.message()),
        nearest: None,
    };
    let mut faults: Vec<_> = errors.iter().map(fault).collect();
    faults.dedup_by_key(|fault| fault.line);
    faults
}

fn single_byte(text: &str) -> Option<u8> {
    match literal::bytes(text).ok()?[..] {
        [byte] => Some(byte),
        _ => None,
    }
}

fn line_at(source: &str, offset: usize) -> usize {
    1 + source.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The key closest to `name`, if at most half of its letters differ.
pub(super) fn nearest<'k>(name: &str, keys: impl Iterator<Item = &'k &'k str>) -> Option<String> {
    let distance = |key: &str| strsim::damerau_levenshtein(name, key);
    let closest = keys.min_by_key(|key| distance(key))?;
    (distance(closest) * 2 <= closest.len()).then(|| (*closest).to_owned())
}
