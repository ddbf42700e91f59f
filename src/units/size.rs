use std::{fmt, str::FromStr};

use super::{UnitFault, number_and_unit, text_serde};

/// A number of bytes with its unit: `"512B"`, `"64KiB"`, `"8MiB"`, `"10GiB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// A size of `count` KiB.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// A size of `count` MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The size in bytes, as lengths in memory are counted.
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

impl FromStr for Size {
    type Err = UnitFault;

    fn from_str(text: &str) -> Result<Self, UnitFault> {
        let fault = || {
            UnitFault(format!(
                "{text:?} is not a size; write a whole number with B, KiB, MiB, GiB or TiB, such as \"64KiB\""
            ))
        };
        let (number, unit) = number_and_unit(text).ok_or_else(fault)?;
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        number.checked_mul(*bytes).map(Self).ok_or_else(fault)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS[..4].iter().find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        let (unit, size) = binary.unwrap_or(&UNITS[7]);
        write!(f, "{}{unit}", self.0 / size)
    }
}

text_serde!(Size, "a size with its unit, such as \"64KiB\" (B, KiB, MiB, GiB, TiB)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_back_the_same() {
        for text in ["0B", "512B", "64KiB", "8MiB", "10GiB", "1500B"] {
            assert_eq!(text.parse::<Size>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("2kB".parse::<Size>(), Ok(Size(2000)));
    }

    #[test]
    fn a_number_without_a_unit_or_with_a_strange_one_is_refused() {
        for text in ["64", "", "KiB", "1.5MiB", "-1B", "8 megs", "99999999999TiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
