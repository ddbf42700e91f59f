use std::{fmt, str::FromStr, time::Duration};

use super::{UnitFault, number_and_unit, text_serde};

/// At most so many in a stretch of time: `"5/min"`, `"100/s"`, `"20/h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many are allowed.
    pub count: u32,
    /// In how long a stretch.
    pub per: Duration,
}

const STRETCHES: [(&str, u64); 3] = [("s", 1), ("min", 60), ("h", 3600)];

impl Rate {
    /// `count` in a minute.
    pub const fn per_minute(count: u32) -> Self {
        Self { count, per: Duration::from_secs(60) }
    }

    /// `count` in an hour.
    pub const fn per_hour(count: u32) -> Self {
        Self { count, per: Duration::from_secs(3600) }
    }
}

impl FromStr for Rate {
    type Err = UnitFault;

    fn from_str(text: &str) -> Result<Self, UnitFault> {
        let fault = || {
            UnitFault(format!(
                "{text:?} is not a rate; write a whole number over s, min or h, such as \"5/min\""
            ))
        };
        let (count, rest) = number_and_unit(text).ok_or_else(fault)?;
        let stretch = rest.strip_prefix('/').ok_or_else(fault)?.trim();
        let (_, seconds) = STRETCHES.iter().find(|(name, _)| *name == stretch).ok_or_else(fault)?;
        let count = u32::try_from(count).map_err(|_| fault())?;
        Ok(Self { count, per: Duration::from_secs(*seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        let name =
            STRETCHES.iter().find(|(_, size)| *size == seconds).map_or("s", |(name, _)| name);
        write!(f, "{}/{name}", self.count)
    }
}

text_serde!(Rate, "a rate such as \"5/min\" (s, min, h)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_back_the_same() {
        for text in ["5/min", "100/s", "20/h"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["5", "5/day", "/min", "five/min"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
