use crate::protocol::keys::nearest;

/// The names of a protocol's fields, each with a number.
#[derive(Debug, Default)]
pub(super) struct Naming {
    pub all: Vec<Box<str>>,
}

/// Most names.
const MOST: usize = 200;

impl Naming {
    /// The number of `name`, which is new or known; none if there are too many.
    pub fn number(&mut self, name: &str) -> Option<u8> {
        if let Some(number) = self.find(name) {
            return Some(number);
        }
        if self.all.len() == MOST {
            return None;
        }
        self.all.push(name.into());
        u8::try_from(self.all.len() - 1).ok()
    }

    /// The number of `name`, if it is known.
    pub fn find(&self, name: &str) -> Option<u8> {
        let at = self.all.iter().position(|known| **known == *name)?;
        u8::try_from(at).ok()
    }

    /// The number of `name`; tells which one may be meant if there is none.
    pub fn known(&self, name: &str) -> Result<u8, String> {
        self.find(name).ok_or_else(|| {
            let known: Vec<&str> = self.all.iter().map(|known| &**known).collect();
            match nearest(name, known.iter()) {
                Some(near) => format!("{name:?} is no field of a frame; did you mean {near:?}?"),
                None => format!("{name:?} is no field of a frame"),
            }
        })
    }
}

/// Whether `name` can be the name of a field.
pub(super) fn is_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(letters) && name.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// Names that templates and conditions need for other things.
pub(super) const RESERVED: [&str; 7] = ["frame", "len", "now", "tally", "data", "name", "size"];
