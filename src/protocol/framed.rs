use std::cell::OnceCell;

use super::{
    Checked, Vocabulary,
    field::{Coding, Field, Found, Short},
    frame::Shape,
    pattern::Places,
    rule::{Kind, Rule},
    template::{Given, Replies, Template},
};
use crate::model::{Name, NameFault};

/// One frame of a device, and what can be read in it. Nothing is read before it is asked for.
#[derive(Clone, Debug)]
pub struct Frame<'f> {
    /// What it holds: without delimiters, unless the protocol keeps them, and with its escapes
    /// undone.
    pub bytes: &'f [u8],
    pub(super) vocabulary: &'f Vocabulary,
    pub(super) shape: &'f Shape,
    /// Which of the shape's patterns fitted, and where its groups stand.
    places: Option<(u8, Places)>,
    /// The place of the rule that fits, or none, once somebody has asked for it.
    rule: OnceCell<Option<u16>>,
}

/// How the value of a field is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A number in decimal digits.
    Number,
    /// A text.
    Text,
    /// Bytes, in hexadecimal digits.
    Hex,
}

impl<'f> Frame<'f> {
    /// A frame that loses no bytes at its ends and that no pattern looks at.
    #[inline]
    pub(super) fn plain(vocabulary: &'f Vocabulary, shape: &'f Shape, bytes: &'f [u8]) -> Self {
        Self { bytes, vocabulary, shape, places: None, rule: OnceCell::new() }
    }

    pub(super) fn new(vocabulary: &'f Vocabulary, shape: &'f Shape, bytes: &'f [u8]) -> Self {
        if shape.is_plain() {
            return Self::plain(vocabulary, shape, bytes);
        }
        let end = bytes.len().saturating_sub(shape.drop_tail);
        Self::of(vocabulary, shape, bytes.get(shape.drop_head..end).unwrap_or_default())
    }

    /// The frame that holds `bytes` and nothing else.
    #[inline]
    pub(super) fn of(vocabulary: &'f Vocabulary, shape: &'f Shape, bytes: &'f [u8]) -> Self {
        if shape.patterns.is_empty() {
            return Self::plain(vocabulary, shape, bytes);
        }
        let fitting = |(at, pattern): (u8, &super::pattern::Groups)| {
            pattern.places(bytes).map(|places| (at, places))
        };
        let places = (0..).zip(&shape.patterns).find_map(fitting);
        Self { bytes, vocabulary, shape, places, rule: OnceCell::new() }
    }

    /// What the protocol file calls this kind of frame; empty if it has no name for it.
    pub fn shape(&self) -> &'f str {
        &self.shape.name
    }

    /// What the frame is.
    pub fn is(&self) -> Kind {
        self.rule().map_or(Kind::Data, |rule| rule.is)
    }

    /// Who the device says it is, if it says so in this frame.
    #[inline]
    pub fn name(&self) -> Option<Result<Name, NameFault>> {
        let found = self.shape.fields[usize::from(self.shape.id?)].find(self)?;
        self.read_name(&found)
    }

    fn read_name(&self, found: &Found<'_, '_>) -> Option<Result<Name, NameFault>> {
        let mut text = Short::new();
        found.text(self, &mut text).map(Name::new)
    }

    /// What its checksum says.
    pub fn check(&self) -> Checked {
        match &self.shape.check {
            None => Checked::None,
            Some(check) if check.holds(self.bytes) => Checked::Ok,
            Some(_) => Checked::Bad,
        }
    }

    /// Appends the value of the field called `name`, such as `type` or `seq`, to `out`.
    pub fn value(&self, name: &str, out: &mut Vec<u8>) -> Option<Written> {
        let name = self.vocabulary.names.iter().position(|known| **known == *name)?;
        self.told(self.field(u8::try_from(name).ok()?)?, out)
    }

    /// The number that the field called `name` holds.
    pub fn number(&self, name: &str) -> Option<u64> {
        let name = self.vocabulary.names.iter().position(|known| **known == *name)?;
        self.field(u8::try_from(name).ok()?)?.number(self)
    }

    /// Tells of every field that is in the frame, in the order of the protocol file: its name, its
    /// value, and how that is written.
    pub fn each_field(&self, mut tell: impl FnMut(&'f str, &[u8], Written)) {
        let mut value = Vec::new();
        for field in &self.shape.fields {
            value.clear();
            if let Some(written) = self.told(field, &mut value) {
                tell(&self.vocabulary.names[usize::from(field.name)], &value, written);
            }
        }
    }

    /// The number of the rule that fits, counted from 1 as the protocol file has them.
    pub fn rule_number(&self) -> Option<usize> {
        let fitting = self.vocabulary.rules.iter().position(|rule| rule.fits(self))?;
        Some(fitting + 1)
    }

    /// Whether the protocol has an answer to this frame, for a device that is let in or is not.
    pub fn is_answered(&self, accepted: bool) -> bool {
        let templates = |rule: &Rule| match accepted {
            true => !rule.replies.is_empty(),
            false => !rule.refusals.is_empty(),
        };
        self.rule().is_some_and(templates)
    }

    /// Writes what the protocol answers to this frame. Nobody answers one without a name, unless
    /// the protocol says so.
    pub fn replies(&self, given: &Given<'_>, replies: &mut Replies) {
        let Some(rule) = self.rule() else {
            return;
        };
        let known = given.name.is_some() || matches!(self.name(), Some(Ok(_)));
        if !known && !rule.anonymous {
            return;
        }
        let escape = self.shape.escape.as_ref().filter(|_| !rule.plain);
        let templates = if given.accepted { &rule.replies } else { &rule.refusals };
        for template in templates {
            replies.add(|out| {
                let from = out.len();
                let whole = template.write(Some(self), given, &[], out);
                if let Some(escape) = escape.filter(|_| whole) {
                    escape.apply(out, from);
                }
                whole
            });
        }
    }

    /// Whether the reply to it holds the time, so that nobody else can know it to the byte.
    pub(super) fn is_answered_with_time(&self) -> bool {
        self.rule().is_some_and(|rule| rule.replies.iter().any(Template::tells_time))
    }

    /// The first rule that fits.
    pub(super) fn rule(&self) -> Option<&'f Rule> {
        let rules = &self.vocabulary.rules;
        let find = || (0..).zip(&**rules).find(|(_, rule)| rule.fits(self)).map(|(at, _)| at);
        let at = *self.rule.get_or_init(find);
        rules.get(usize::from(at?))
    }

    pub(super) fn vocabulary(&self) -> &'f Vocabulary {
        self.vocabulary
    }

    pub(super) fn fields(&self) -> &'f [Field] {
        &self.shape.fields
    }

    /// Which kind of the protocol's frames it is.
    pub(super) fn shape_number(&self) -> u8 {
        self.shape.bit.trailing_zeros() as u8
    }

    /// The bit of its kind.
    pub(super) fn bit(&self) -> u64 {
        self.shape.bit
    }

    #[inline]
    pub(super) fn field(&self, name: u8) -> Option<&'f Field> {
        self.shape.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn group(&self, groups: &[Option<u8>]) -> Option<&'f [u8]> {
        let (pattern, places) = self.places.as_ref()?;
        let (start, end) = places.of((*groups.get(usize::from(*pattern))?)?)?;
        Some(&self.bytes[start..end])
    }

    pub(super) fn told(&self, field: &Field, out: &mut Vec<u8>) -> Option<Written> {
        let found = field.find(self)?;
        let written = match found.coding() {
            Coding::Raw => Written::Hex,
            _ if found.is_number() => Written::Number,
            _ => Written::Text,
        };
        found.write(self, out).then_some(written)
    }
}
