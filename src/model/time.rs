use std::{fmt, time::SystemTime};

/// A moment in UTC, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This moment by the machine's clock.
    pub fn now() -> Self {
        Self(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as u64)
    }
}

/// RFC 3339 in UTC with milliseconds, `2026-11-20T08:00:00.123Z`.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment =
            jiff::Timestamp::from_millisecond(self.0 as i64).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{moment:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_with_three_decimals() {
        assert_eq!(UnixMillis(1_763_625_600_000).to_string(), "2025-11-20T08:00:00.000Z");
        assert_eq!(UnixMillis(1_763_625_600_120).to_string(), "2025-11-20T08:00:00.120Z");
    }
}
