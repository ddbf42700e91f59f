//! Quantities as people write them in a configuration: `"30s"`, `"64KiB"`, `"5/min"`, `"10%"`, `"auto"`.
//!
//! A bare number is refused everywhere: nobody should have to guess whether 30 means seconds.

mod auto;
mod percent;
mod rate;
mod size;
mod span;

pub use auto::Auto;
pub use percent::Percent;
pub use rate::Rate;
pub use size::Size;
pub use span::Span;

/// Why a quantity could not be read; one line, ready to be shown to whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitFault(String);

/// Splits `text` into its leading number and the unit behind it.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim()))
}

/// Serde for a quantity that is written as text and read by `FromStr`.
macro_rules! text_serde {
    ($type:ty, $expected:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
    };
}
use text_serde;
