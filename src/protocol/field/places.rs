use std::ops::Range;

use super::{Extent, Field, Place, Way, integer_word};
use crate::protocol::framed::Frame;

/// Where a field, or a piece of one, stands in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::protocol) struct Stand {
    pub range: Range<usize>,
    /// What protocol files call the way in which it is written.
    pub form: String,
    pub value: Vec<u8>,
    /// It is no value, but says how long the one behind it is.
    pub is_length: bool,
}

impl Field {
    /// Where it stands in `frame`, piece by piece; nowhere if it is not there.
    pub fn stands(&self, frame: &Frame<'_>) -> Vec<Stand> {
        let way = self.ways.iter().find(|way| way.find(frame).is_some());
        way.map(|way| way.stands(frame)).unwrap_or_default()
    }
}

impl Way {
    fn stands(&self, frame: &Frame<'_>) -> Vec<Stand> {
        if let Place::Join(parts) = &self.place {
            return parts.iter().flat_map(|part| part.stands(frame)).collect();
        }
        let Some(found) = self.found(frame) else {
            return Vec::new();
        };
        let raw = found.raw.unwrap_or_default();
        // Both are parts of the same bytes.
        let from = raw.as_ptr().addr().saturating_sub(frame.bytes.as_ptr().addr());
        let mut value = Vec::new();
        found.write(frame, &mut value);
        let form = self.coding.word();
        let stand = Stand { range: from..from + raw.len(), form, value, is_length: false };
        match self.place {
            Place::At { extent: Extent::Prefix { size, little }, .. } if size <= from => {
                let length = raw.len().to_string().into_bytes();
                let range = from - size..from;
                let form = integer_word(size, little);
                vec![Stand { range, form, value: length, is_length: true }, stand]
            }
            _ => vec![stand],
        }
    }
}
