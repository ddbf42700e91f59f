use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tetherd::protocol::BUILT_IN;

use crate::{
    frames::{IMEI, gt06, gt06_login, stream, teltonika, teltonika_login},
    hex, lines, protocol, run,
};

/// No answer takes longer unless something is broken.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_connection_comes_out_as_frames_with_what_is_answered() {
    let (login, time) = (gt06_login(), gt06(0x8a, b"", 0x0102));
    let all = [&b"\xff\x00"[..], &login, &time, b"\x78\x78"].concat();
    let (first, second) = all.split_at(9);
    let chunks = json!([hex(first), hex(second)]);
    let said =
        run(&["gt06", "--at", "2026-11-20T01:02:03Z"], &[json!({"id": "a", "chunks": chunks})]);
    let ok = gt06(0x01, b"", 1);
    let clock = gt06(0x8a, &[26, 11, 20, 1, 2, 3], 0);
    let expected = json!({
        "id": "a",
        "frames": [
            {"bytes": hex(&login), "is": "login", "name": IMEI, "type": 1, "seq": 1, "check": "ok",
             "fields": {}, "reply": [hex(ok)]},
            {"bytes": hex(&time), "is": "data", "name": null, "type": 138, "seq": 258, "check": "ok",
             "fields": {}, "reply": [hex(clock)]},
        ],
        "rest": "7878",
        "error": null,
        "junk": 2,
    });
    // Keys in this order, too.
    assert_eq!(said[0].to_string(), expected.to_string());
}

#[test]
fn connections_come_out_in_order_and_know_nothing_of_each_other() {
    let heartbeat = gt06(0x13, &[0; 5], 7);
    let nameless = json!({"id": 1, "chunks": [hex(&heartbeat)]});
    let named = json!({"id": {"any": [2]}, "chunks": [hex(&heartbeat)], "name": IMEI});
    let empty = json!({"id": null, "chunks": []});
    let login = json!({"id": 4, "chunks": [hex(gt06_login())]});
    let said = run(&["gt06"], &[login, nameless, named, empty]);
    assert_eq!(said[1]["frames"][0]["reply"], json!([]), "nobody answers a device without a name");
    assert_eq!(said[2]["frames"][0]["reply"], json!([hex(gt06(0x13, b"", 7))]));
    assert_eq!(said[2]["id"], json!({"any": [2]}));
    assert_eq!(said[3], json!({"id": null, "frames": [], "rest": "", "error": null}));
}

#[test]
fn random_pieces_give_the_same_frames_with_every_protocol() {
    for (name, _) in BUILT_IN {
        let bytes = stream(name);
        let (front, back) = bytes.split_at(bytes.len() / 2);
        let mut connections = vec![
            json!({"id": 0, "chunks": [hex(&bytes)]}),
            json!({"id": 1, "chunks": [hex(&bytes), hex(&bytes[..3])], "accept": false}),
        ];
        // A registration that is one read has to come as one.
        if *name != "etung_classic" {
            connections.push(json!({"id": 2, "chunks": [hex(front), hex(back)]}));
        }
        let whole = run(&[name, "--at", "2026-11-20T00:00:00Z"], &connections);
        let frames = whole[0]["frames"].as_array().unwrap();
        assert!(frames.len() >= 2 || *name == "raw", "{name}: {}", whole[0]);
        assert_eq!((&whole[0]["rest"], &whole[0]["error"]), (&json!(""), &Value::Null), "{name}");
        if *name == "etung_classic" {
            continue;
        }
        for seed in 0..10 {
            let seed = seed.to_string();
            let arguments = [name, "--at", "2026-11-20T00:00:00Z", "--pieces", &seed];
            assert_eq!(run(&arguments, &connections), whole, "{name} --pieces {seed}");
        }
    }
}

#[test]
fn pieces_are_shorter_than_the_chunks_and_the_same_for_the_same_seed() {
    // Data that only a pause ends show where reads end: an etung device that never says its name.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.toml");
    fs::write(&file, "name = 'first'\n[registration]\nhead = 'ID='\nchunk = true\n").unwrap();
    let input = format!("{}\n", json!({"chunks": [hex([&b"ID=pump"[..], &[b'x'; 57]].concat())]}));
    let named = |seed: u64| {
        let seed = seed.to_string();
        let said = protocol(folder.path(), &["run", "./first.toml", "--pieces", &seed], &input);
        lines(&said.out)[0]["frames"][0]["name"].as_str().map(str::len)
    };
    let all: Vec<_> = (0..40).map(named).collect();
    assert!(all.iter().any(|name| *name != all[0]), "every seed cut alike: {all:?}");
    assert_eq!(all, (0..40).map(named).collect::<Vec<_>>());
}

#[test]
fn a_device_that_is_not_let_in_is_refused_and_stays_without_a_name() {
    let bytes = [teltonika_login(), teltonika(3, &[7; 30])].concat();
    let said = run(
        &["teltonika"],
        &[
            json!({"id": 1, "chunks": [hex(&bytes)], "accept": true}),
            json!({"id": 2, "chunks": [hex(&bytes)], "accept": false}),
        ],
    );
    let replies = |at: usize| -> Vec<Value> {
        said[at]["frames"].as_array().unwrap().iter().map(|frame| frame["reply"].clone()).collect()
    };
    assert_eq!(replies(0), [json!(["01"]), json!(["00000003"])]);
    assert_eq!(replies(1), [json!(["00"]), json!([])]);
    assert_eq!(said[1]["frames"][0]["name"], IMEI);
}

#[test]
fn a_registration_is_a_login_frame_and_data_follow_as_they_were_read() {
    let text = |text: &str| hex(text);
    let plain = |bytes: &str, is: &str, name: Value| {
        json!({"bytes": hex(bytes), "is": is, "name": name, "type": null, "seq": null,
               "check": "none", "fields": {}, "reply": []})
    };
    let chunks = json!(["0102", text("ETUNG:pump-7\r"), text("\nhello"), text("again")]);
    let refused = json!({"id": 2, "chunks": chunks, "accept": false});
    let silent = json!({"id": 3, "chunks": [text("ETUNG:pump")]});
    let named = json!({"id": 4, "chunks": [text("ETUNG:pump")], "name": "pump-7"});
    let said = run(&["etung"], &[json!({"id": 1, "chunks": chunks}), refused, silent, named]);
    let login = plain("ETUNG:pump-7\r\n", "login", json!("pump-7"));
    let data = ["hello", "again"].map(|bytes| plain(bytes, "data", Value::Null));
    let early = plain("\x01\x02", "data", Value::Null);
    assert_eq!(said[0]["frames"], json!([early, login, data[0], data[1]]));
    assert_eq!(said[1]["frames"], json!([login]));
    assert_eq!((&said[1]["rest"], &said[1]["junk"]), (&json!(text("helloagain")), &json!(2)));
    assert_eq!((&said[2]["frames"], &said[2]["rest"]), (&json!([]), &json!(text("ETUNG:pump"))));
    assert_eq!(said[3]["frames"], json!([plain("ETUNG:pump", "data", Value::Null)]));

    let raw = run(&["raw"], &[json!({"id": 1, "chunks": ["01", "02"]})]);
    let bytes: Vec<_> = raw[0]["frames"].as_array().unwrap().iter().map(|f| &f["bytes"]).collect();
    assert_eq!(bytes, ["01", "02"]);
}

#[test]
fn why_a_session_would_end_is_the_error_and_what_is_left_the_rest() {
    let line = hex([&b"ETUNG:pump\n"[..], b"short\n", &[b'x'; 70_000]].concat());
    let said = run(&["line"], &[json!({"id": 1, "chunks": [line]})]);
    assert_eq!(said[0]["error"], "a frame is longer than max_frame");
    assert_eq!(said[0]["frames"][1]["bytes"], hex("short"));
    assert_eq!(said[0]["rest"].as_str().unwrap().len(), 140_000);
    let said = run(&["etung"], &[json!({"id": 1, "chunks": [hex([b'x'; 600])]})]);
    assert_eq!(said[0]["error"], "what came before a name is no registration");
}

#[test]
fn fields_come_by_their_names_and_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let file = "name = 'box'\non_bad_checksum = 'close'\n[[frame]]\nhead = '\\xaa'\n\
                length = { at = 1, size = 1, add = 2 }\n\
                check = { sum = 'sum8', over = '..-1', at = -1 }\n\
                fields.id = { at = 3, len = 4 }\nfields.type = { at = 2, len = 1 }\n\
                fields.level = { at = 7, as = 'u16be' }\nfields.note = { at = 9, to = -1, as = 'ascii' }\n";
    fs::write(folder.path().join("box.toml"), file).unwrap();
    let body = b"\xaa\x0b\xf0pump\x01\x02hi\xff";
    let sum: u8 = body.iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
    let good = [&body[..], &[sum]].concat();
    let input = json!({"chunks": [hex(&good), hex(body), "00", "aa0300"]});
    let said = protocol(folder.path(), &["run", "box.toml"], &format!("{input}\n"));
    let said = &lines(&said.out)[0];
    let frame = &said["frames"][0];
    assert_eq!((&frame["type"], &frame["name"]), (&json!("f0"), &json!("pump")));
    assert_eq!(frame["fields"], json!({"level": 258, "note": "hi\u{fffd}"}));
    assert_eq!(said["frames"][1]["check"], "bad");
    assert!(said["error"].as_str().unwrap().contains("checksum"), "{said}");
    assert_eq!(said["rest"], "aa0300");
}

#[test]
fn a_line_that_cannot_be_read_is_told_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let input = "{\"id\":1,\"chunks\":[\"78\",\"7g\"]}\n\n{\"id\":2}\nnonsense\n\
                 {\"id\":3,\"chunks\":[],\"name\":\"a b\"}\n{\"id\":4,\"chunks\":[\"00\"]}";
    let said = protocol(folder.path(), &["run", "raw"], input);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.err,
        "tetherd: protocol run: 4 of 5 lines could not be read; the error of each says why\n"
    );
    let out = lines(&said.out);
    let error = |at: usize| out[at]["error"].as_str().unwrap();
    assert_eq!(
        out.iter().map(|line| &line["id"]).collect::<Vec<_>>(),
        [&json!(1), &json!(2), &Value::Null, &json!(3), &json!(4)]
    );
    assert!(error(0).starts_with("line 1: chunks[1]: character 2 is 'g'"), "{}", error(0));
    assert!(error(1).starts_with("line 3: missing field `chunks`; write"), "{}", error(1));
    assert!(error(2).starts_with("line 4: is no JSON: "), "{}", error(2));
    assert!(error(3).starts_with("line 5: name: the name holds byte 0x20"), "{}", error(3));
    assert_eq!(out[4]["frames"][0]["bytes"], "00");
}

#[test]
fn an_unknown_protocol_and_a_faulty_file_end_with_2_and_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let said = protocol(folder.path(), &["run", "gt60"], "");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert_eq!(
        said.err,
        "tetherd: protocol run: there is no protocol \"gt60\"; did you mean \"gt06\"?\n"
    );
    let file =
        "name = 'pump'\n\n[[frame]]\nhaed = 'x'\nuntil = ';'\nfields.id = { at = 'x', len = 4 }\n";
    fs::write(folder.path().join("pump.toml"), file).unwrap();
    for arguments in [&["run", "./pump.toml"][..], &["explain", "./pump.toml", "00"]] {
        let said = protocol(folder.path(), arguments, "");
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert_eq!(
            said.err,
            "tetherd: ./pump.toml:4: frame[1].haed: is no key of a protocol file; did you mean \"head\"?\n\
             tetherd: ./pump.toml:6: frame[1].fields.id.at: must be a whole number of bytes, negative from the end\n"
        );
    }
    let said = protocol(folder.path(), &["run", "./none.toml"], "");
    assert!(said.code == 2 && said.err.contains("./none.toml cannot be read"), "{}", said.err);
}

#[test]
fn a_protocol_is_the_one_that_a_listener_would_get() {
    let folder = tempfile::tempdir().unwrap();
    let own = "name = 'gt06'\nidentity = 'address'\n[[frame]]\nuntil = ';'\n";
    for (at, text) in [("config/protocols", own), ("other/protocols", "name = 'gt06'\n")] {
        fs::create_dir_all(folder.path().join(at)).unwrap();
        fs::write(folder.path().join(at).join("gt06.toml"), text).unwrap();
    }
    let input = format!("{}\n", json!({"chunks": [hex("a;b;")]}));
    let said = protocol(folder.path(), &["run", "gt06"], &input);
    assert_eq!(lines(&said.out)[0]["frames"][1]["bytes"], hex("b"), "{}", said.err);
    let said = protocol(folder.path(), &["run", "gt06", "--config", "other"], &input);
    assert!(
        said.err.contains("other/protocols/gt06.toml: registration: is missing"),
        "{}",
        said.err
    );
    let said = protocol(folder.path(), &["run", "gt06", "--config", "nowhere"], &input);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
}

#[test]
fn each_line_is_answered_before_the_next_one_is_asked_for() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .args(["protocol", "run", "raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, answers) = channel();
    let reader = thread::spawn(move || output.for_each(|line| sender.send(line.unwrap()).unwrap()));
    for id in 0..3 {
        writeln!(input, "{}", json!({"id": id, "chunks": ["00"]})).unwrap();
        let Ok(line) = answers.recv_timeout(LIMIT) else {
            child.kill().unwrap();
            panic!("no answer to line {id}");
        };
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], id);
    }
    drop(input);
    reader.join().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .args(["protocol", "run", "raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // The program may be gone before all of it is written.
    while writeln!(input, "{}", json!({"chunks": ["00"]})).is_ok() {}
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
