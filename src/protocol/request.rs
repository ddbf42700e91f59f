use super::{Given, compile, sum, template::Template};
use crate::model::{Name, UnixMillis};

/// What a device is asked at intervals: bytes in hexadecimal, with pieces in braces.
#[derive(Clone, Debug)]
pub struct Request(Template);

impl Request {
    /// Reads what a configuration says, such as `01 03 00 00 00 02 {crc16-modbus}`: digits in pairs
    /// and the pieces of a reply, `{name}`, `{now ..}`, `{len ..}`, sums. A sum alone covers all
    /// before it; that of Modbus stands with its low byte first then, as Modbus has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut template = String::new();
        let mut rest = text;
        while let Some((digits, behind)) = rest.split_once('{') {
            bytes(digits, &mut template)?;
            let (piece, after) = behind.split_once('}').ok_or("has a brace without its partner")?;
            template.push('{');
            template.push_str(&whole(piece));
            template.push('}');
            rest = after;
        }
        bytes(rest, &mut template)?;
        if template.is_empty() {
            return Err("is empty; write bytes such as \"01 03 00 00 00 02\"".to_owned());
        }
        compile::request(&template).map(Self)
    }

    /// Appends what the device called `name` is asked; `false` if that cannot be written.
    pub fn write(&self, name: &Name, now: UnixMillis, out: &mut Vec<u8>) -> bool {
        let given = Given { name: Some(name), now, accepted: true };
        let from = out.len();
        let whole = self.0.write(None, &given, &[], out);
        if !whole {
            out.truncate(from);
        }
        whole
    }
}

/// A sum of which nothing more is said covers all before it.
fn whole(piece: &str) -> String {
    let Some(sum) = sum::find(piece) else { return piece.to_owned() };
    match (piece, sum.width()) {
        ("crc16-modbus", _) => format!("{piece} 0..:u16le"),
        _ => format!("{piece} 0.."),
    }
}

fn bytes(digits: &str, template: &mut String) -> Result<(), String> {
    let digits: String = digits.chars().filter(|digit| !digit.is_whitespace()).collect();
    let wrong = digits.chars().find(|digit| !digit.is_ascii_hexdigit());
    if let Some(wrong) = wrong {
        return Err(format!("{wrong:?} is no hexadecimal digit; write such as \"01 03 ff\""));
    }
    if digits.len() % 2 == 1 {
        return Err(format!("{digits:?} has a digit without its partner; a byte has two"));
    }
    for pair in digits.as_bytes().chunks(2) {
        template.push_str("\\x");
        template.push_str(&String::from_utf8_lossy(pair));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let name = Name::new(b"meter").unwrap();
        assert!(Request::parse(text).unwrap().write(&name, UnixMillis(0), &mut out), "{text}");
        out
    }

    #[test]
    fn the_checksum_of_modbus_stands_as_modbus_has_it() {
        // Read two registers of unit 1: the frame of the Modbus specification's own kind.
        assert_eq!(
            written("01 03 00 00 00 02 {crc16-modbus}"),
            [0x01, 0x03, 0x00, 0x00, 0x00, 0x02, 0xc4, 0x0b]
        );
    }

    #[test]
    fn names_lengths_and_other_sums_are_filled_in() {
        assert_eq!(written("aa{len 2..end:u8}{name}{xor8 2..}"), b"\xaa\x06meter\x6b");
        assert_eq!(written("01FF{sum8}"), [0x01, 0xff, 0x00]);
    }

    #[test]
    fn mistakes_are_told() {
        for (text, expected) in [
            ("", "is empty; write bytes such as \"01 03 00 00 00 02\""),
            ("01 0", "\"010\" has a digit without its partner; a byte has two"),
            ("01 0x", "'x' is no hexadecimal digit; write such as \"01 03 ff\""),
            ("01 {crc16-modbus", "has a brace without its partner"),
            (
                "01 {crc16-modbos}",
                "{crc16-modbos}: \"crc16-modbos\" is no field of a frame; did you mean \"crc16-modbus\"?",
            ),
        ] {
            assert_eq!(Request::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
