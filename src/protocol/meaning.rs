//! What a protocol reads in a frame, as web servers get it: members of a JSON object.

use super::{
    Checked, Frame, Kind, Written,
    field::{Field, Out},
};

/// Most bytes of one frame's meaning; fields that would go beyond are left out. A field is rarely
/// longer than its frame, but nothing keeps a protocol file from telling one part in many ways.
pub const LONGEST_MEANING: usize = 64 << 10;

/// Web servers read numbers as doubles, which are exact below this.
const EXACT: u64 = 1 << 53;

impl Frame<'_> {
    /// Appends what the protocol reads in the frame, a comma in front of each member: `type`,
    /// `seq_device`, `is`, `check` if that is bad, and all other fields but `id` under `fields`. A
    /// protocol without fields and rules has nothing to tell.
    pub fn meaning(&self, is: Kind, check: Checked, out: &mut Vec<u8>) {
        let from = out.len();
        let vocabulary = self.vocabulary();
        for (name, key) in
            [(vocabulary.kind, &b",\"type\":"[..]), (vocabulary.seq, b",\"seq_device\":")]
        {
            let Some(field) = name.and_then(|name| self.field(name)) else { continue };
            let before = out.len();
            out.extend_from_slice(key);
            self.member(field, from, before, out);
        }
        if vocabulary.has_rules() {
            out.extend_from_slice(b",\"is\":\"");
            out.extend_from_slice(is.as_str().as_bytes());
            out.push(b'"');
        }
        if check == Checked::Bad {
            out.extend_from_slice(b",\"check\":\"bad\"");
        }
        self.other_fields(from, out);
    }

    fn other_fields(&self, from: usize, out: &mut Vec<u8>) {
        let vocabulary = self.vocabulary();
        let told = [vocabulary.id, vocabulary.kind, vocabulary.seq];
        let mut opened = false;
        for field in self.fields().iter().filter(|field| !told.contains(&Some(field.name))) {
            let before = out.len();
            out.extend_from_slice(if opened { b"," } else { b",\"fields\":{" });
            out.push(b'"');
            out.extend_from_slice(vocabulary.names[usize::from(field.name)].as_bytes());
            out.extend_from_slice(b"\":");
            opened |= self.member(field, from, before, out);
        }
        if opened {
            out.push(b'}');
        }
    }

    /// Appends the field's value, or takes back what stands behind `before` if there is none.
    fn member(&self, field: &Field, from: usize, before: usize, out: &mut Vec<u8>) -> bool {
        let written = self.json(field, out).is_some() && out.len() - from <= LONGEST_MEANING;
        if !written {
            out.truncate(before);
        }
        written
    }

    fn json(&self, field: &Field, out: &mut Vec<u8>) -> Option<()> {
        if let Some(number) = field.number(self) {
            let quote: &[u8] = if number < EXACT { b"" } else { b"\"" };
            out.extend_from_slice(quote);
            out.decimal(number);
            out.extend_from_slice(quote);
            return Some(());
        }
        out.push(b'"');
        let start = out.len();
        let written = self.told(field, out)?;
        if written == Written::Text {
            escape(start, out);
        }
        out.push(b'"');
        Some(())
    }
}

/// Makes of the text behind `start` what may stand between quotes.
fn escape(start: usize, out: &mut Vec<u8>) {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(byte);
    if out[start..].iter().all(plain) {
        return;
    }
    let text = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    let quoted = serde_json::Value::String(text).to_string();
    out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}
