use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole number, or `"auto"` where the program knows better than whoever writes the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto {
    /// Worked out from the machine.
    #[default]
    Auto,
    /// Just so many.
    Count(usize),
}

impl Auto {
    /// The written number, or what `auto` works out.
    pub fn or_else(self, auto: impl FnOnce() -> usize) -> usize {
        match self {
            Self::Auto => auto(),
            Self::Count(count) => count,
        }
    }
}

impl Serialize for Auto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Auto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrAuto;
        impl de::Visitor<'_> for NumberOrAuto {
            type Value = Auto;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number above 0, or \"auto\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Auto, E> {
                match usize::try_from(number) {
                    Ok(count) if count > 0 => Ok(Auto::Count(count)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Auto, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Auto, E> {
                match text {
                    "auto" => Ok(Auto::Auto),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(NumberOrAuto)
    }
}
