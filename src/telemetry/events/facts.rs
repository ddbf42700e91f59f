use slog::{KV, Record, Serializer};

use crate::model::SessionId;

/// What every record of a session carries, borrowed from where it stands: nothing is copied, and
/// nothing is built where the record is not wanted.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    /// Where it connected to.
    pub listener: &'a str,
    /// Where it connected from.
    pub peer: &'a str,
    /// Who it is, once that is known.
    pub name: Option<&'a str>,
    /// Which connection it is.
    pub session: SessionId,
}

impl KV for SessionFacts<'_> {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        // slog wants the last pair first.
        serializer.emit_arguments("session", &format_args!("{}", self.session))?;
        if let Some(name) = self.name {
            serializer.emit_str("name", name)?;
        }
        serializer.emit_str("peer", self.peer)?;
        serializer.emit_str("listener", self.listener)
    }
}
