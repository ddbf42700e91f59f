use std::{io, str::FromStr};

use crate::{
    model::{Offset, UnixMillis},
    spool::Archive,
    units::Span,
};

/// A place among the events, as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// An event's number.
    Offset(Offset),
    /// The first event that was taken at this moment or later.
    Time(UnixMillis),
    /// The first event since so long ago.
    Ago(Span),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(offset) = text.parse() {
            return Ok(Self::Offset(Offset(offset)));
        }
        if let Ok(span) = text.parse() {
            return Ok(Self::Ago(span));
        }
        let moment: Option<jiff::Timestamp> = text.parse().ok();
        let millis = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        millis.map(|millis| Self::Time(UnixMillis(millis))).ok_or_else(|| {
            "write an offset, a time such as 2026-11-20T08:00:00Z, or how long ago, such as 2h"
                .to_owned()
        })
    }
}

impl Point {
    /// The moment it names, if it names one.
    pub(super) fn time(self) -> Option<UnixMillis> {
        match self {
            Self::Offset(_) => None,
            Self::Time(time) => Some(time),
            Self::Ago(span) => {
                let millis = u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX);
                Some(UnixMillis(UnixMillis::now().0.saturating_sub(millis)))
            }
        }
    }

    /// The offset that it means in `archive`.
    pub(super) fn offset(self, archive: &Archive) -> io::Result<Offset> {
        match (self, self.time()) {
            (_, Some(time)) => archive.first_since(time),
            (Self::Offset(offset), None) => Ok(offset),
            (_, None) => Ok(archive.end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_offset_a_time_or_how_long_ago() {
        assert_eq!("1763625600000018".parse(), Ok(Point::Offset(Offset(1_763_625_600_000_018))));
        assert_eq!("2h".parse(), Ok(Point::Ago(Span::seconds(7200))));
        let time = Ok(Point::Time(UnixMillis(1_763_625_600_500)));
        assert_eq!("2025-11-20T08:00:00.5Z".parse(), time);
        assert_eq!("2025-11-20T09:00:00.5+01:00".parse(), time);
        for wrong in ["", "-3", "yesterday", "2025-11-20", "08:00", "1.5h"] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong}");
        }
    }
}
