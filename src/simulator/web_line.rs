use std::{borrow::Cow, fmt, ops::Deref};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// One line of a gateway; what is not there is `None`, keys that are not known are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct WebLine<'a> {
    pub hello: Option<Text<'a>>,
    pub gateway: Option<Text<'a>>,
    pub spool: Option<Text<'a>>,
    pub error: Option<Text<'a>>,
    pub offset: Option<u64>,
    pub event: Option<Text<'a>>,
    pub imei: Option<Text<'a>>,
    pub session: Option<Text<'a>>,
    pub seq: Option<u64>,
    pub connections: Option<u64>,
    pub data: Option<Data<'a>>,
    pub reason: Option<Text<'a>>,
    pub received_bytes: Option<u64>,
    pub from: Option<u64>,
    pub to: Option<u64>,
    pub events: Option<u64>,
}

/// A text that is borrowed from the line unless it holds escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

/// A device's bytes as the gateway wrote them.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Text(Cow<'a, str>),
    /// `{"type":"Buffer","data":[1,2]}`
    Buffer(Vec<u8>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Data<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a buffer")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Data<'de>, E> {
                Ok(Data::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Data<'de>, E> {
                Ok(Data::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de>, A::Error> {
                let mut bytes = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "data" => bytes = Some(map.next_value()?),
                        _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                    }
                }
                bytes.map(Data::Buffer).ok_or_else(|| A::Error::missing_field("data"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// How the gateway was told to write a device's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataEncoding {
    /// RFC 4648 section 4, with padding.
    #[default]
    Base64,
    /// Two digits a byte.
    Hex,
    /// As they are, in UTF-8.
    Text,
    /// As Node writes a `Buffer`.
    Buffer,
}

impl Data<'_> {
    /// The device's bytes, in `scratch`; `false` if they are not encoded as they should be.
    pub fn decode(&self, encoding: DataEncoding, scratch: &mut Vec<u8>) -> bool {
        scratch.clear();
        let decoder = match (self, encoding) {
            (Self::Buffer(bytes), DataEncoding::Buffer) => {
                scratch.extend_from_slice(bytes);
                return true;
            }
            (Self::Text(text), DataEncoding::Text) => {
                scratch.extend_from_slice(text.as_bytes());
                return true;
            }
            (Self::Text(_), DataEncoding::Base64) => &BASE64,
            (Self::Text(_), DataEncoding::Hex) => &HEXLOWER_PERMISSIVE,
            _ => return false,
        };
        let Self::Text(text) = self else { return false };
        let Ok(most) = decoder.decode_len(text.len()) else { return false };
        scratch.resize(most, 0);
        let Ok(length) = decoder.decode_mut(text.as_bytes(), scratch) else { return false };
        scratch.truncate(length);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(line: &str, encoding: DataEncoding) -> Option<Vec<u8>> {
        let line: WebLine<'_> = serde_json::from_str(line).expect("a line");
        let mut scratch = b"old".to_vec();
        line.data.expect("data").decode(encoding, &mut scratch).then_some(scratch)
    }

    #[test]
    fn bytes_are_read_in_each_encoding_and_in_no_other() {
        let base64 = r#"{"data":"AP8=","new key":[1]}"#;
        assert_eq!(bytes(base64, DataEncoding::Base64), Some(b"\x00\xff".to_vec()));
        assert_eq!(bytes(base64, DataEncoding::Hex), None);
        assert_eq!(bytes(base64, DataEncoding::Buffer), None);
        assert_eq!(bytes(r#"{"data":"00ff"}"#, DataEncoding::Hex), Some(b"\x00\xff".to_vec()));
        assert_eq!(bytes(r#"{"data":"a\nä"}"#, DataEncoding::Text), Some("a\nä".into()));
        let buffer = r#"{"data":{"type":"Buffer","data":[0,255]}}"#;
        assert_eq!(bytes(buffer, DataEncoding::Buffer), Some(b"\x00\xff".to_vec()));
        assert_eq!(bytes(buffer, DataEncoding::Base64), None);
        assert_eq!(bytes(r#"{"data":"AP8"}"#, DataEncoding::Base64), None);
    }

    #[test]
    fn a_key_twice_or_of_the_wrong_type_is_no_line() {
        for line in [r#"{"offset":1,"offset":2}"#, r#"{"offset":"1"}"#, r#"{"imei":7}"#, "[", ""] {
            assert!(serde_json::from_str::<WebLine<'_>>(line).is_err(), "{line}");
        }
    }
}
