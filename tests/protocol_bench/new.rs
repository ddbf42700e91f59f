use std::{fs, path::Path};

use serde_json::{Value, json};
use tetherd::protocol::{Checksum, Protocol};

use crate::{
    done,
    frames::{IMEI, gt06, gt06_login, jt808, teltonika, teltonika_login},
    hex, lines, protocol,
};

/// The file that is begun from these samples; each of them must come out of it again as it says.
fn begun(folder: &Path, samples: &[Vec<u8>]) -> String {
    let text: String = samples.iter().map(|sample| format!("{}\n", hex(sample))).collect();
    fs::write(folder.join("samples.txt"), text).unwrap();
    let arguments = ["new", "pump", "--samples", "samples.txt", "--output", "pump.toml", "--force"];
    let said = protocol(folder, &arguments, "");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let file = fs::read_to_string(folder.join("pump.toml")).unwrap();
    assert!(Protocol::parse("pump", &file).is_ok(), "{file}");
    file
}

/// What the file makes of these samples, each a connection of its own.
fn cut(folder: &Path, samples: &[Vec<u8>]) -> Vec<Value> {
    let line = |sample: &Vec<u8>| format!("{}\n", json!({"chunks": [hex(sample)]}));
    let input: String = samples.iter().map(line).collect();
    let said = protocol(folder, &["run", "./pump.toml"], &input);
    assert_eq!(said.code, 0, "{}", said.err);
    lines(&said.out)
}

/// Whether each sample is exactly one sound frame.
fn are_frames(folder: &Path, samples: &[Vec<u8>]) {
    for (line, sample) in cut(folder, samples).iter().zip(samples) {
        assert_eq!((&line["rest"], line.get("junk")), (&json!(""), None), "{line}");
        assert_eq!(line["frames"].as_array().unwrap().len(), 1, "{line}");
        assert_eq!(line["frames"][0]["bytes"], hex(sample));
        assert_eq!(line["frames"][0]["check"], "ok", "{line}");
    }
}

fn has(file: &str, lines: &[&str]) {
    for line in lines {
        assert!(file.lines().any(|known| known == *line), "no {line} in\n{file}");
    }
}

#[test]
fn frames_with_a_length_a_checksum_and_an_imei_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let samples = [
        gt06_login(),
        gt06(0x13, &[0x44, 6, 4, 0, 2], 2),
        gt06(0x12, &(7..33).collect::<Vec<u8>>(), 3),
        gt06(0x13, &[0x46, 6, 4, 0, 2], 4),
    ];
    let file = begun(folder.path(), &samples);
    has(
        &file,
        &[
            "# pump: begun from 4 samples.",
            "head = '\\x78\\x78'",
            "# It fits 4 samples of 3 lengths.",
            "length = { at = 2, size = 1, add = 5 }",
            "tail = '\\r\\n'",
            "check = { sum = 'crc16-x25', over = '2..-4', at = -4 }",
            "fields.id = { at = 4, len = 8, as = 'bcd', drop = 1, when = { type = 0x01 } }",
        ],
    );
    are_frames(folder.path(), &samples);
    let said = cut(folder.path(), &samples);
    assert_eq!(
        (&said[0]["frames"][0]["is"], &said[0]["frames"][0]["name"]),
        (&json!("login"), &json!(IMEI))
    );
    assert_eq!(said[1]["frames"][0]["name"], Value::Null);

    // A whole connection on a line, as protocol run reads it, says the same.
    let chunks: Vec<String> = samples.iter().map(hex).collect();
    let input = format!("{}\n", json!({"id": 1, "chunks": chunks}));
    let joined = done(&["new", "pump", "--samples", "-"], &input);
    has(&joined, &["# pump: begun from 4 frames in 1 sample."]);
    let keys = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(keys(&joined), keys(&file));
}

#[test]
fn lines_of_text_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let line = |text: &str| format!("$PUMP,{IMEI},{text}\r\n").into_bytes();
    let samples = [line("1.5"), line("ok"), line("level,17"), line("")];
    let file = begun(folder.path(), &samples);
    has(&file, &["head = '\\$PUMP,'", "until = '\\r\\n'", "fields.id = { at = 6, len = 15 }"]);
    for (line, sample) in cut(folder.path(), &samples).iter().zip(&samples) {
        assert_eq!(line["frames"][0]["bytes"], hex(&sample[..sample.len() - 2]));
        assert_eq!(line["frames"][0]["name"], IMEI);
    }
    let sum = |text: &str| {
        let sum = Checksum::named("xor8").unwrap().of(text.as_bytes());
        format!("${text}*{sum:02X}\r\n").into_bytes()
    };
    let samples = ["GPA,1", "GPB,22", "GPA,333", "GPC,4444"].map(sum);
    has(
        &begun(folder.path(), &samples),
        &["identity = 'address'", "check = { sum = 'xor8', over = '1..-3', at = -2, as = 'X2' }"],
    );
}

#[test]
fn a_little_endian_length_and_a_name_behind_its_length_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let frame = |body: &[u8]| {
        let counted = [&b"\xaa\x55"[..], &(body.len() as u16).to_le_bytes(), body].concat();
        let sum = Checksum::named("crc16-modbus").unwrap().of(&counted) as u16;
        [counted, sum.to_le_bytes().to_vec()].concat()
    };
    let name = [&b"\x01\x0c"[..], b"meter-000042"].concat();
    let other = |count: u8| (0..count).map(|at| at.wrapping_mul(37) | 2).collect::<Vec<u8>>();
    let samples = [frame(&name), frame(&other(9)), frame(&other(30)), frame(&other(77))];
    has(
        &begun(folder.path(), &samples),
        &[
            "head = '\\xaa\\x55'",
            "length = { at = 2, size = 2, endian = 'little', add = 6 }",
            "check = { sum = 'crc16-modbus', over = '..-2', at = -2, endian = 'little' }",
            "fields.id = { at = 5, prefix = 'u8', when = { type = 0x01 } }",
        ],
    );
    are_frames(folder.path(), &samples);
    assert_eq!(cut(folder.path(), &samples)[0]["frames"][0]["name"], "meter-000042");
}

#[test]
fn markers_with_escapes_and_frames_of_two_kinds_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let body = |count: u8| (0x60..0x60 + count).collect::<Vec<u8>>();
    let samples = [jt808(0x0200, &body(31), 1), jt808(0x0002, b"", 2), jt808(0x0200, &body(20), 3)];
    has(
        &begun(folder.path(), &samples),
        &[
            "head = '\\x7e[^\\x7e]'",
            "escape = { '\\x7d\\x01' = '\\x7d', '\\x7d\\x02' = '\\x7e' }",
            "check = { sum = 'xor8', over = '1..-2', at = -2 }",
        ],
    );
    let whole: Vec<_> =
        cut(folder.path(), &samples).iter().map(|line| line["rest"].clone()).collect();
    assert_eq!(whole, ["", "", ""]);

    let samples = [
        teltonika_login(),
        teltonika(1, &body(40)),
        teltonika(1, &body(55)),
        teltonika(2, &body(61)),
    ];
    has(
        &begun(folder.path(), &samples),
        &[
            "head = '\\x00\\x00\\x00\\x00'",
            "length = { at = 6, size = 2, add = 12 }",
            "check = { sum = 'crc16-arc', over = '8..-4', at = -2 }",
            "length = { at = 0, size = 2, add = 2 }",
            "fields.id = { at = 0, prefix = 'u16be' }",
        ],
    );
    assert_eq!(cut(folder.path(), &samples)[0]["frames"][0]["name"], IMEI);
}

#[test]
fn a_few_odd_samples_among_many_do_no_harm_and_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let body = |at: u8| (0..5 + at % 7).map(|byte| byte.wrapping_mul(29) ^ at).collect::<Vec<u8>>();
    let mut samples: Vec<Vec<u8>> =
        (0..20).map(|at| gt06(0x12, &body(at), 100 + u16::from(at))).collect();
    samples.push(gt06_login());
    // One came with a wrong checksum, and one without its end.
    samples[3][14] ^= 1;
    samples[5].truncate(9);
    let file = begun(folder.path(), &samples);
    has(
        &file,
        &[
            "# pump: begun from 20 samples.",
            "# 1 more sample fits nothing of it and had no say.",
            "length = { at = 2, size = 1, add = 5 }",
            "# It is right in 19 of 20.",
            "check = { sum = 'crc16-x25', over = '2..-4', at = -4 }",
            "fields.id = { at = 4, len = 8, as = 'bcd', drop = 1, when = { type = 0x01 } }",
        ],
    );
}

#[test]
fn whatever_the_samples_are_the_file_cuts_them_again() {
    let folder = tempfile::tempdir().unwrap();
    // Bytes that mean nothing, the same at each run.
    let mut state = 7_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for round in 0..20 {
        let count = 1 + round % 5;
        let samples: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let length = if round % 2 == 0 { 12 } else { 1 + usize::from(random() % 40) };
                (0..length)
                    .map(|_| if round % 3 == 0 { random() % 64 + 32 } else { random() })
                    .collect()
            })
            .collect();
        let file = begun(folder.path(), &samples);
        for (line, sample) in cut(folder.path(), &samples).iter().zip(&samples) {
            let told = format!("{line}\nof {}\n{file}", hex(sample));
            assert_eq!((&line["rest"], line.get("junk")), (&json!(""), None), "{told}");
            assert_eq!(line["error"], Value::Null, "{told}");
        }
    }
}

#[test]
fn without_samples_a_file_to_fill_in_is_written_that_works() {
    let text = done(&["new", "pump-2"], "");
    assert!(Protocol::parse("pump-2", &text).is_ok(), "{text}");
    assert!(text.lines().filter(|line| line.starts_with('#')).count() > 15);
}

#[test]
fn a_file_that_is_there_is_written_over_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pump.toml");
    fs::write(&path, "# mine\n").unwrap();
    let said = protocol(folder.path(), &["new", "pump", "--output", "pump.toml"], "");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert_eq!(
        said.err,
        "tetherd: protocol new: pump.toml is there already; --force writes over it\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    let said = protocol(folder.path(), &["new", "pump", "--output", "pump.toml", "--force"], "");
    assert_eq!(said.code, 0);
    assert!(fs::read_to_string(&path).unwrap().contains("name = 'pump'"));
}

#[test]
fn samples_that_cannot_be_read_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    for (input, part) in [
        ("7878\n78zz\n", "-:2: character 3 is 'z'"),
        ("{\"chunk\":1}\n", "-:1: missing field `chunks`"),
        ("\n# nothing\n", "- holds no samples"),
    ] {
        let said = protocol(folder.path(), &["new", "pump", "--samples", "-"], input);
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert!(said.err.contains(part) && said.err.lines().count() == 1, "{}", said.err);
    }
    let said = protocol(folder.path(), &["new", "Pump"], "");
    assert!(said.code == 2 && said.err.contains("a to z"), "{}", said.err);
}
