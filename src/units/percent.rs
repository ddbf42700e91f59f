use std::{fmt, str::FromStr};

use super::{UnitFault, number_and_unit, text_serde};

/// A part of a hundred, `"10%"`: at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = UnitFault;

    fn from_str(text: &str) -> Result<Self, UnitFault> {
        let fault = || {
            UnitFault(format!(
                "{text:?} is no part of a hundred; write a whole number up to 100 with %, such as \"10%\""
            ))
        };
        match number_and_unit(text).ok_or_else(fault)? {
            (number @ 0..=100, "%") => Ok(Self(number as u8)),
            _ => Err(fault()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

text_serde!(Percent, "a part of a hundred, such as \"10%\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_hundred_are_read_and_written_back_the_same() {
        for text in ["0%", "10%", "100%"] {
            assert_eq!(text.parse::<Percent>().map(|part| part.to_string()), Ok(text.to_owned()));
        }
        for text in ["10", "101%", "-1%", "0.5%", "%", "ten%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
