use ::config::{ConfigError, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::fault::Fault;

/// One layer: what a file, the environment or an option sets. Every value knows its origin.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    root: Value,
}

impl Layer {
    /// A layer that sets nothing.
    pub(super) fn empty() -> Self {
        Self { root: Value::new(None, Map::<String, Value>::new()) }
    }

    /// Sets what stands at `names`, and makes the tables on the way there.
    pub(super) fn set(&mut self, names: &[String], value: Value) {
        let wrap = |inner: Value, name: &String| {
            let origin = inner.origin().map(str::to_owned);
            Value::new(origin.as_ref(), Map::from([(name.clone(), inner)]))
        };
        overlay(&mut self.root, names.iter().rev().fold(value, wrap));
    }

    /// Reads TOML; the origin of each value is `label` with the line of its key.
    pub(super) fn read(label: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let lines = Lines::new(label, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What follows on a line follows from its first mistake.
            let mut faults: Vec<Fault> =
                errors.iter().map(|error| lines.syntax_fault(error)).collect();
            faults.dedup_by(|later, first| later.origin == first.origin);
            return Err(faults);
        }
        let mut faults = Vec::new();
        let root = lines.table(None, table.into_inner(), &mut faults);
        if faults.is_empty() { Ok(Self { root }) } else { Err(faults) }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        match &self.root.kind {
            ValueKind::Table(table) => Ok(table.clone()),
            _ => Ok(Map::new()),
        }
    }

    /// Keys are taken as they are written: one with a dot in it stays one key. Tables keep the
    /// origin of the layer that began them.
    fn collect_to(&self, cache: &mut Value) -> Result<(), ConfigError> {
        overlay(cache, self.root.clone());
        Ok(())
    }
}

/// All layers as one tree, later ones above. The builder of the `config` crate would copy it once
/// more and forget where tables came from.
pub(super) fn merge(layers: &[Layer]) -> Result<Value, ConfigError> {
    let mut merged = Layer::empty().root;
    for layer in layers {
        layer.collect_to(&mut merged)?;
    }
    Ok(merged)
}

/// Lays `above` over `base`: tables are joined, everything else is replaced.
fn overlay(base: &mut Value, above: Value) {
    let ValueKind::Table(lower) = &mut base.kind else {
        *base = above;
        return;
    };
    let ValueKind::Table(upper) = above.kind else {
        *base = above;
        return;
    };
    for (name, value) in upper {
        match lower.get_mut(&name) {
            Some(known) => overlay(known, value),
            None => {
                lower.insert(name, value);
            }
        }
    }
}

/// Reads a value as an option or a variable holds it: TOML, and a bare word is a string.
pub(super) fn word_or_toml(origin: &str, text: &str) -> Result<Value, String> {
    let lines = Lines::new(origin, "");
    let mut faults = Vec::new();
    match DeValue::parse(text.trim()) {
        Ok(value) => {
            let value = lines.value(origin.to_owned(), value.into_inner(), &mut faults);
            faults.pop().map_or(Ok(value), |fault| Err(fault.text))
        }
        Err(error) if means_toml(text.trim()) => Err(format!(
            "the value begins like TOML and is none: {}; mend it, or put text in quotes",
            one_line(error.message())
        )),
        Err(_) => Ok(Value::new(Some(&origin.to_owned()), text)),
    }
}

/// Whether a text that is no TOML was surely meant to be; `[::]:7000` was not.
fn means_toml(text: &str) -> bool {
    text.starts_with(['"', '\'', '{']) || text.starts_with('[') && text.ends_with(']')
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

/// Turns TOML into values that know their line.
struct Lines<'a> {
    label: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(label: &'a str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { label, starts: breaks.map(|(at, _)| at + 1).collect() }
    }

    fn origin(&self, at: usize) -> String {
        format!("{}:{}", self.label, self.starts.partition_point(|start| *start <= at) + 1)
    }

    fn syntax_fault(&self, error: &toml::de::Error) -> Fault {
        let at = error.span().map_or(0, |span| span.start);
        let said = one_line(error.message());
        let bare = ["string values must be quoted", "invalid float"];
        let text = match bare.iter().any(|start| said.starts_with(start)) {
            true => "not valid TOML: text, durations and sizes have to stand in quotes".to_owned(),
            false => format!("not valid TOML: {said}"),
        };
        Fault::error(self.origin(at), "", text)
    }

    fn table(&self, origin: Option<String>, table: DeTable<'_>, faults: &mut Vec<Fault>) -> Value {
        let mut values = Map::new();
        for (key, value) in table {
            let origin = self.origin(key.span().start);
            let value = self.value(origin, value.into_inner(), faults);
            values.insert(key.into_inner().into_owned(), value);
        }
        Value::new(origin.as_ref(), values)
    }

    fn value(&self, origin: String, value: DeValue<'_>, faults: &mut Vec<Fault>) -> Value {
        let kind = match value {
            DeValue::Table(table) => return self.table(Some(origin), table, faults),
            DeValue::Array(array) => {
                let items = array.into_iter();
                let read = items.map(|item| self.value(origin.clone(), item.into_inner(), faults));
                ValueKind::Array(read.collect())
            }
            DeValue::String(text) => ValueKind::String(text.into_owned()),
            DeValue::Boolean(flag) => ValueKind::Boolean(flag),
            DeValue::Datetime(time) => ValueKind::String(time.to_string()),
            DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => ValueKind::I64(number),
                    Err(_) => {
                        let text = format!("the number {number} is too large; write a smaller one");
                        faults.push(Fault::error(origin.clone(), "", text));
                        ValueKind::Nil
                    }
                }
            }
        };
        Value::new(Some(&origin), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> ValueKind {
        word_or_toml("--set k", text).unwrap().kind
    }

    #[test]
    fn a_bare_word_is_a_string_and_the_rest_is_toml() {
        for word in ["0.0.0.0:7000", "[::]:7000", "30s", "unix:/run/x.sock", "a b", "", "-", "a=b"]
        {
            assert_eq!(kind(word), ValueKind::String(word.to_owned()));
        }
        assert_eq!(kind("7"), ValueKind::I64(7));
        assert_eq!(kind(" true "), ValueKind::Boolean(true));
        assert_eq!(kind("'7'"), ValueKind::String("7".to_owned()));
        assert!(matches!(kind("[\"a\", 'b']"), ValueKind::Array(items) if items.len() == 2));
        assert!(matches!(kind("{ idle = '1s' }"), ValueKind::Table(_)));
        assert_eq!(kind("1\nother = 2"), ValueKind::String("1\nother = 2".to_owned()));
        for broken in ["\"open", "[a, b]", "{ idle = 10s }", "99999999999999999999"] {
            assert!(word_or_toml("--set k", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn every_value_knows_its_line() {
        let layer = Layer::read("a.toml", "a = 1\n\n[t.u]\nb = [\n 1 ]\n").unwrap();
        let table = layer.collect().unwrap();
        assert_eq!(table["a"].origin(), Some("a.toml:1"));
        let ValueKind::Table(t) = &table["t"].kind else { panic!() };
        assert_eq!(t["u"].origin(), Some("a.toml:3"));
        let ValueKind::Table(u) = &t["u"].kind else { panic!() };
        assert_eq!(u["b"].origin(), Some("a.toml:4"));
    }
}
