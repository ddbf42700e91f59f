use jiff::{Timestamp, fmt::strtime, tz::TimeZone};

use super::Format;
use crate::{model::UnixMillis, protocol::field::Out};

/// How the time is written, always in UTC.
#[derive(Clone, Debug)]
pub(in crate::protocol) enum Clock {
    /// As the conversions of `strftime` say.
    Text(Box<str>),
    /// The number that such a text is.
    Part(Box<str>, Format),
    /// Seconds since a moment.
    Seconds { since: i64, format: Format },
    /// Milliseconds since 1970.
    Millis(Format),
    /// Year of the century, month, day, hour, minute, second: a byte each.
    Bytes,
    /// The same, two digits a byte.
    Bcd,
}

impl Clock {
    /// Reads what stands behind `now`: perhaps a moment or a conversion, then how it is written.
    pub fn parse(argument: &str, format: Option<&str>) -> Result<Self, String> {
        let number = |text: &str| {
            let format = Format::parse(text).filter(|format| *format != Format::Text);
            format.ok_or_else(|| format!("{text:?} is no way to write a number"))
        };
        match (argument, format) {
            ("", Some("bytes6")) => Ok(Self::Bytes),
            ("", Some("bcd6")) => Ok(Self::Bcd),
            ("", Some(text)) if text.contains('%') => Ok(Self::Text(conversions(text)?)),
            ("", Some(text)) => Ok(Self::Seconds { since: 0, format: number(text)? }),
            ("ms", Some(text)) => Ok(Self::Millis(number(text)?)),
            (part, Some(text)) if part.contains('%') => {
                Ok(Self::Part(conversions(part)?, number(text)?))
            }
            (since, Some(text)) => {
                let since = since.parse().map_err(|_| format!("{since:?} is no moment"))?;
                Ok(Self::Seconds { since, format: number(text)? })
            }
            (_, None) => Err("now needs a way to be written, such as now:%Y%m%d".to_owned()),
        }
    }

    /// Writes `now`; none for moments that it cannot write.
    pub fn write(&self, now: UnixMillis, out: &mut Vec<u8>) -> Option<()> {
        let moment = Timestamp::from_millisecond(i64::try_from(now.0).ok()?).ok()?;
        match self {
            Self::Seconds { since, format } => {
                let seconds = moment.as_second().saturating_sub(*since);
                format.number(u64::try_from(seconds).ok()?, out);
            }
            Self::Millis(format) => format.number(now.0, out),
            Self::Text(text) => out.extend_from_slice(written(text, moment)?.as_bytes()),
            Self::Part(text, format) => {
                format.number(written(text, moment)?.trim().parse().ok()?, out);
            }
            Self::Bytes => parts(moment).into_iter().for_each(|part| Out::push(out, part)),
            Self::Bcd => {
                parts(moment)
                    .into_iter()
                    .for_each(|part| Out::push(out, ((part / 10) << 4) | (part % 10)));
            }
        }
        Some(())
    }
}

fn conversions(text: &str) -> Result<Box<str>, String> {
    let known = written(text, Timestamp::UNIX_EPOCH).is_some();
    known.then(|| text.into()).ok_or_else(|| format!("{text:?} is no form of the time"))
}

fn written(text: &str, moment: Timestamp) -> Option<String> {
    strtime::format(text, &moment.to_zoned(TimeZone::UTC)).ok()
}

fn parts(moment: Timestamp) -> [u8; 6] {
    let at = moment.to_zoned(TimeZone::UTC);
    let small = |part: i8| part.unsigned_abs();
    let year = (at.year().unsigned_abs() % 100) as u8;
    [
        year,
        small(at.month()),
        small(at.day()),
        small(at.hour()),
        small(at.minute()),
        small(at.second()),
    ]
}
