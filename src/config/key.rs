use std::fmt;

/// A way from the root of the configuration to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) Vec<Step>);

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Into a table.
    Name(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl Key {
    /// A key of plain names, as `a.b.c` is written.
    pub(super) fn dotted(text: &str) -> Self {
        Self(text.split('.').map(|name| Step::Name(name.to_owned())).collect())
    }

    pub(super) fn child(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Name(name.to_owned()));
        Self(steps)
    }

    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The last name on the way.
    pub(super) fn last(&self) -> &str {
        let names = self.0.iter().rev().find_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        names.unwrap_or_default()
    }

    /// Whether its value must never be shown.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.last(), "token" | "password" | "secret") || self.is_header()
    }

    /// Whether it leads to a header of requests, or into one.
    fn is_header(&self) -> bool {
        self.0.len() > 3 && Self(self.0[..3].to_vec()).matches("upstream.*.headers")
    }

    /// Whether the way leads through the names of `pattern`, where `*` is any name.
    pub(super) fn matches(&self, pattern: &str) -> bool {
        let names: Vec<&str> = pattern.split('.').collect();
        names.len() == self.0.len()
            && self.0.iter().zip(names).all(|(step, wanted)| match step {
                Step::Name(name) => wanted == "*" || name == wanted,
                Step::Index(_) => false,
            })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) => {
                    let dot = if at > 0 { "." } else { "" };
                    match is_bare(name) {
                        true => write!(f, "{dot}{name}")?,
                        false => write!(f, "{dot}{name:?}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

impl From<&serde_path_to_error::Path> for Key {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let steps = path.iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Name(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl From<&serde_ignored::Path<'_>> for Key {
    fn from(path: &serde_ignored::Path<'_>) -> Self {
        use serde_ignored::Path;
        match path {
            Path::Root => Self::default(),
            Path::Seq { parent, index } => {
                let mut key = Self::from(*parent);
                key.0.push(Step::Index(*index));
                key
            }
            Path::Map { parent, key } => Self::from(*parent).child(key),
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => Self::from(*parent),
        }
    }
}

/// Whether TOML lets `name` stand without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Whether `name` may name a table: `[a-z0-9_]`, and no `__`, which parts names in variables.
pub(super) fn is_table_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(known) && !name.contains("__")
}
