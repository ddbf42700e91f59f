use std::{fmt, str::FromStr, time::Duration};

use super::{UnitFault, number_and_unit, text_serde};

/// A length of time with its unit: `"200ms"`, `"30s"`, `"10m"`, `"24h"`, `"7d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The span as the standard library has it.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The span unless it is zero, which stands for "never" in a configuration.
    pub fn non_zero(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }
}

impl FromStr for Span {
    type Err = UnitFault;

    fn from_str(text: &str) -> Result<Self, UnitFault> {
        let fault = || {
            UnitFault(format!(
                "{text:?} is not a duration; write a whole number with ms, s, m, h or d, such as \"30s\""
            ))
        };
        let (number, unit) = number_and_unit(text).ok_or_else(fault)?;
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let total = number.checked_mul(*millis).ok_or_else(fault)?;
        Ok(Self::millis(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis() as u64;
        if millis == 0 {
            return f.write_str("0s");
        }
        let (unit, size) =
            UNITS.iter().find(|(_, size)| millis.is_multiple_of(*size)).unwrap_or(&UNITS[4]);
        write!(f, "{}{unit}", millis / size)
    }
}

text_serde!(Span, "a duration with its unit, such as \"30s\" (ms, s, m, h, d)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_back_the_same() {
        for text in ["0s", "200ms", "30s", "10m", "23h", "7d", "1500ms"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_number_without_a_unit_or_with_a_strange_one_is_refused() {
        for text in ["30", "", "s", "1.5s", "-1s", "3 weeks", "18446744073709551615d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
