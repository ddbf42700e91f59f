//! Frames as devices of some protocols write them.

use tetherd::protocol::Checksum;

/// An IMEI with the digit that Luhn's rule gives.
pub const IMEI: &str = "860000000000017";

fn sum(name: &str, bytes: &[u8], width: usize) -> Vec<u8> {
    Checksum::named(name).unwrap().of(bytes).to_be_bytes()[8 - width..].to_vec()
}

/// A short frame of a GT06.
pub fn gt06(kind: u8, body: &[u8], seq: u16) -> Vec<u8> {
    let counted = [&[body.len() as u8 + 5, kind], body, &seq.to_be_bytes()].concat();
    [b"\x78\x78", &counted[..], &sum("crc16-x25", &counted, 2), b"\r\n"].concat()
}

pub fn gt06_login() -> Vec<u8> {
    gt06(0x01, &[0x08, 0x60, 0, 0, 0, 0, 0, 0x17], 1)
}

/// A packet of records of a Teltonika.
pub fn teltonika(records: u8, body: &[u8]) -> Vec<u8> {
    let data = [&[8, records], body, &[records]].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&[0; 4], &length[..], &data, &[0, 0], &sum("crc16-arc", &data, 2)].concat()
}

pub fn teltonika_login() -> Vec<u8> {
    [b"\x00\x0f", IMEI.as_bytes()].concat()
}

/// A message of a JT/T 808 terminal, escaped.
pub fn jt808(kind: u16, body: &[u8], seq: u16) -> Vec<u8> {
    let phone = [0x01, 0x23, 0x45, 0x67, 0x89, 0x01];
    let length = (body.len() as u16).to_be_bytes();
    let mut plain = [&kind.to_be_bytes(), &length[..], &phone, &seq.to_be_bytes(), body].concat();
    plain.extend(sum("xor8", &plain, 1));
    let mut wire = vec![0x7e];
    for byte in plain {
        match byte {
            0x7d => wire.extend([0x7d, 0x01]),
            0x7e => wire.extend([0x7d, 0x02]),
            byte => wire.push(byte),
        }
    }
    wire.push(0x7e);
    wire
}

/// What a device of each built-in protocol may say, from its first byte on.
pub fn stream(protocol: &str) -> Vec<u8> {
    let texts = |all: &[&str]| all.concat().into_bytes();
    let numbered = |count: u8| (0..count).collect::<Vec<u8>>();
    match protocol {
        "etung" | "etung_classic" => texts(&["ETUNG:860000000000017\r\n", "hello", "\x01\x03"]),
        "line" => texts(&["ETUNG:860000000000017\r\n", "first\r\n", "second\n", "\n", "third\r\n"]),
        "raw" => numbered(200),
        "gt06" => [
            b"noise".to_vec(),
            gt06_login(),
            gt06(0x13, &[0x44, 6, 4, 0, 2], 2),
            gt06(0x12, &numbered(26), 3),
        ]
        .concat(),
        "teltonika" => {
            [teltonika_login(), teltonika(1, &numbered(60)), vec![0xff], teltonika(2, &[9; 2500])]
                .concat()
        }
        "jt808" => [
            jt808(0x0100, &[0x7e, 0x7d, 1, 2], 1),
            jt808(0x0002, b"", 2),
            jt808(0x0200, &[0x7e; 40], 3),
        ]
        .concat(),
        "h02" => texts(&[
            "*HQ,8600000001,V1,101010,A,1,N,2,E,0,0,010101,FFFFFFFF#\r\n",
            "*HQ,8600000001,HTBT#\r\n",
        ]),
        "gps103" => texts(&[
            "##,imei:860000000000017,A;",
            "860000000000017;",
            "imei:860000000000017,tracker,1,,F,1,A,2,N,3,E,0;",
        ]),
        "gl200" => texts(&[
            "+RESP:GTFRI,1A0200,860000000000017,,0,0,1,1,4.3,0,1,1,20261120000000,0001$",
            "+ACK:GTHBD,1A0200,860000000000017,,20261120000000,0002$",
        ]),
        "tk103" => texts(&["(086000000001BP05860000000000017,1)", "(086000000001BR00,2)"]),
        "suntech" => {
            texts(&["ST300STT;100850000;01;010;20261120;00:00:00;1\r", "ST300ALV;100850000\r"])
        }
        "meitrack" => {
            texts(&["$$A25,860000000000017,AAA*FF\r\n", "$$B25,860000000000017,AAA*FF\r\n"])
        }
        "ruptela" => {
            let packet = |kind: u8, body: &[u8]| {
                let imei: u64 = IMEI.parse().unwrap();
                let counted = [&imei.to_be_bytes()[..], &[kind], body].concat();
                let length = (counted.len() as u16).to_be_bytes();
                [&length[..], &counted, &sum("crc16-kermit", &counted, 2)].concat()
            };
            [packet(15, &[1, 2, 3]), packet(1, &numbered(90))].concat()
        }
        other => sampled(other),
    }
}

/// Whole frames of a device, which are kept beside the tests: the longest of its talks that leaves
/// nothing over.
fn sampled(protocol: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/data/protocols/{protocol}/samples.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let talks = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let whole = talks.filter(|talk| {
        let is_plain = talk["name"].is_null() && talk["accept"].as_bool().unwrap_or(true);
        is_plain && talk["rest"] == "" && talk["junk"].is_null() && talk["error"].is_null()
    });
    let longest = whole.max_by_key(|talk| talk["expect"].as_array().map_or(0, Vec::len)).unwrap();
    let chunks = longest["chunks"].as_array().unwrap().iter();
    let digits: String = chunks.map(|chunk| chunk.as_str().unwrap()).collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
