//! What devices send by the presets, and what they are answered.

use super::{
    super::{Answer, BUILT_IN, Checked, Kind, Knows, Saying},
    conversation::Conversation,
    *,
};
use crate::model::{Name, UnixMillis};

/// 2026-11-20 23:03:22.007 UTC.
const NOW: UnixMillis = UnixMillis(1_795_215_802_007);

/// A device whose name is that of its preset, or the usual one.
fn name_of(protocol: &Protocol) -> Name {
    let name = protocol.device().unwrap().name().unwrap_or(IMEI);
    Name::new(name.as_bytes()).unwrap()
}

fn written(protocol: &Protocol, saying: Saying, seq: u64, payload: &[u8]) -> Vec<u8> {
    let name = name_of(protocol);
    let knows = Knows { name: &name, now: NOW, seq, payload };
    let mut out = b"before".to_vec();
    assert!(protocol.device().unwrap().write(saying, &knows, &mut out), "{saying:?}");
    out.split_off(6)
}

fn answer(protocol: &Protocol, saying: Saying, sent: &[u8], named: bool) -> Option<Answer> {
    protocol.answer(saying, sent, &name_of(protocol), named, NOW)
}

/// All that a device may say.
fn sayings(protocol: &Protocol) -> Vec<Saying> {
    let device = protocol.device().unwrap();
    let beat = device.heartbeat_every().map(|_| Saying::Heartbeat);
    let logins = (0..device.logins()).map(Saying::Login);
    logins.chain((0..device.messages()).map(Saying::Message)).chain(beat).collect()
}

#[test]
fn what_a_device_sends_is_one_whole_frame_with_a_good_checksum_of_its_name() {
    for (preset, _) in BUILT_IN {
        let protocol = built_in(preset);
        for saying in sayings(&protocol) {
            for (seq, payload) in [(1, &b"BR00,a message"[..]), (70_000, b"AB")] {
                let sent = written(&protocol, saying, seq, payload);
                let told = answer(&protocol, saying, &sent, saying != Saying::Login(0))
                    .unwrap_or_else(|| panic!("{preset}, {saying:?}: no frame {sent:02x?}"));
                assert_ne!(told.check, Checked::Bad, "{preset}, {saying:?}: {sent:02x?}");
                if let Some(name) = told.name {
                    assert_eq!(name, name_of(&protocol), "{preset}, {saying:?}");
                }
                if protocol.vocabulary().is_some() && saying == Saying::Heartbeat {
                    assert_eq!(told.is, Kind::Heartbeat, "{preset}");
                }
                let carries = match saying {
                    Saying::Message(at) => protocol.device().unwrap().carries_data(at),
                    Saying::Login(_) | Saying::Heartbeat => false,
                };
                let carried = memchr::memmem::find(&sent, payload).is_some();
                assert_eq!(carried, carries, "{preset}, {saying:?}: {sent:02x?}");
            }
        }
    }
}

/// A gateway that hears all a device says, one behind the other and in pieces, knows its name.
#[test]
fn a_gateway_hears_the_name_and_every_frame() {
    for (preset, _) in BUILT_IN.iter().filter(|(preset, _)| *preset != "raw") {
        let protocol = built_in(preset);
        let all: Vec<Vec<u8>> =
            sayings(&protocol).into_iter().map(|one| written(&protocol, one, 7, b"data")).collect();
        for piece in [1, 5, 4096] {
            let mut session = Session::new(&protocol, RULES);
            session.cuts_frames = true;
            for sent in &all {
                sent.chunks(piece).for_each(|piece| _ = session.read(piece));
                session.pause();
                if *preset == "etung_classic" {
                    break;
                }
            }
            let out = session.take();
            let faults = out.iter().any(|out| matches!(out, Fault(_)));
            assert!(!faults, "{preset}: {out:?}");
            if !protocol.names_by_frames() && (piece > 64 || *preset != "etung_classic") {
                assert_eq!(out[0], name(name_of(&protocol).as_str()), "{preset}");
            }
        }
        if protocol.names_by_frames() {
            let mut conversation = Conversation::new(&protocol);
            all.iter().for_each(|sent| _ = conversation.read(sent).pause());
            let first = conversation.seen[0].name.clone();
            assert_eq!(first.as_deref(), Some(name_of(&protocol).as_str()), "{preset}");
            assert_eq!((conversation.seen.len(), conversation.junk), (all.len(), 0), "{preset}");
        }
    }
}

#[test]
fn a_login_is_answered_where_a_rule_says_so() {
    for (preset, login, reply) in [
        (
            "gt06",
            &b"\x78\x78\x0d\x01\x08\x60\x00\x00\x00\x00\x00\x01\x00\x01"[..],
            &b"\x78\x78\x05\x01\x00\x01\xd9\xdc\r\n"[..],
        ),
        ("teltonika", b"\0\x0f860000000000001", b"\x01"),
        ("gps103", b"##,imei:860000000000001,A;", b"LOAD"),
        ("tk103", b"(860000000001BP05000860000000001", b"(860000000001AP05)"),
        (
            "jt808",
            b"\x7e\x01\x00\0\x25\x01\x38\0\0\0\x01\0\x01",
            b"\x7e\x81\0\0\x0f\x01\x38\0\0\0\x01\0\0\0\x01\x00013800000001",
        ),
        ("etung", b"ETUNG:860000000000001\r\n", b""),
        ("line", b"ETUNG:860000000000001\n", b""),
        ("modbus-rtu", b"ETUNG:860000000000001\r\n", b""),
        ("modbus-tcp", b"ETUNG:860000000000001\r\n", b""),
        ("inhand", b"\xaa\x0113900000001\r", b""),
        ("watch", b"[3G*8600000001*0009*INIT,3G,1]", b"[3G*8600000001*0006*INIT,1]"),
        ("wialon", b"#L#860000000000001;NA\r\n", b"#AL#1\r\n"),
        ("t55", b"$PGID,860000000000001*09\r\n", b""),
        (
            "castel",
            b"@@\x46\0\x04860000000000001\0\0\0\0\0\x10\x01",
            b"@@\x29\0\x04860000000000001\0\0\0\0\0\x90\x01\xff\xff\xff\xff\0\0",
        ),
        (
            "q376",
            b"\x68\x32\0\x32\0\x68\xc9\x00\x10\x4d\x04\0\x02\x70\0\0\x01\0\x9d\x16",
            b"\x68\x32\0\x32\0\x68\x0b\x00\x10\x4d\x04\0\0\x60\0\0\x01\0\xcd\x16",
        ),
    ] {
        let protocol = built_in(preset);
        let sent = written(&protocol, Saying::Login(0), 1, b"");
        assert!(sent.starts_with(login), "{preset}: {sent:02x?}");
        let told = answer(&protocol, Saying::Login(0), &sent, false).unwrap();
        assert!(told.reply.starts_with(reply), "{preset}: {:02x?}", told.reply);
        assert_eq!(told.reply.is_empty(), reply.is_empty(), "{preset}");
        let logs_in = protocol.names_by_frames();
        assert_eq!(told.is, if logs_in { Kind::Login } else { Kind::Data }, "{preset}");
    }
}

/// Where it does not log in, the first thing that it says names it.
#[test]
fn the_first_message_names_a_device_that_does_not_log_in() {
    let meter = built_in("dlt645");
    let sent = written(&meter, Saying::Message(0), 1, b"");
    // What a meter of this number answers, by the standard's own example.
    let reading = b"\x68\x01\0\0\0\0\0\x68\x91\x08\x33\x33\x34\x33\xab\x89\x67\x45\x17\x16";
    assert_eq!(sent, [&b"\xfe\xfe\xfe\xfe"[..], reading].concat());
    let told = answer(&meter, Saying::Message(0), &sent, false).unwrap();
    assert_eq!(told.name, Some(name_of(&meter)));

    let galileo = built_in("galileo");
    let sent = written(&galileo, Saying::Login(0), 1, b"");
    assert!(sent.starts_with(b"\x01\x17\0\x01\x11\x02\xdf\x03860000000000001\x04\x32\0"));
    let told = answer(&galileo, Saying::Login(0), &sent, false).unwrap();
    assert_eq!(told.name, Some(name_of(&galileo)));
    assert_eq!(told.reply, [b"\x02", &sent[sent.len() - 2..]].concat());
}

#[test]
fn parts_of_a_name_are_numbers_of_their_own() {
    let send = "send = '{name 0..4:bcdle2}{name 4..9:u16le}{id:bcdle6}{name -2..end}{seq:bcdle2}'";
    let lines = format!("[[frame]]\nrest = true\n[device]\nname = '100001101'\n{send}");
    let protocol = super::ends::frames(&lines);
    let sent = written(&protocol, Saying::Message(0), 123, b"");
    assert_eq!(sent, b"\x00\x10\x4d\x04\x01\x11\x00\x00\x01\x0001\x23\x01");
    let (name, mut out) = (Name::new(b"1000").unwrap(), Vec::new());
    let knows = Knows { name: &name, now: NOW, seq: 1, payload: b"" };
    let device = protocol.device().unwrap();
    assert!(!device.write(Saying::Message(0), &knows, &mut out), "it has no such part");
}

#[test]
fn a_reply_with_the_time_in_it_is_known_by_its_length_only() {
    let time = |preset: &str, saying| {
        let protocol = built_in(preset);
        let sent = written(&protocol, saying, 1, b"x");
        answer(&protocol, saying, &sent, true).unwrap().tells_time
    };
    assert!(time("h02", Saying::Message(0)));
    assert!(!time("h02", Saying::Heartbeat));
    assert!(!time("gt06", Saying::Message(0)));
}

#[test]
fn what_makes_no_whole_frame_is_none() {
    let protocol = built_in("gt06");
    let sent = written(&protocol, Saying::Login(0), 1, b"");
    let heard = |sent: &[u8]| answer(&protocol, Saying::Login(0), sent, false).is_some();
    assert!(heard(&sent));
    assert!(!heard(&sent[1..]), "junk stands in front");
    assert!(!heard(&sent[..sent.len() - 1]), "its end is missing");
    assert!(!heard(&[&sent[..], b"x"].concat()), "something stands behind");
    let h02 = built_in("h02");
    let split = written(&h02, Saying::Message(1), 1, b"a#b");
    assert!(answer(&h02, Saying::Message(1), &split, true).is_none(), "a delimiter is in it");
}

#[test]
fn faults_of_what_a_device_sends_are_told_with_line_and_key() {
    let faults = |lines: &str| {
        let text = format!("name = 'x'\nidentity = 'address'\n[device]\n{lines}\n");
        let faults = Protocol::parse("x", &text).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (lines, fault) in [
        ("", "device.send: is missing"),
        ("send = 1", "line 4: device.send: must be what is sent, or a list of it"),
        ("send = []", "line 4: device.send: must be what is sent: from 1 to 16 of it"),
        ("send = '{type}'", "\"type\" is no field"),
        ("send = '{frame}'", "{frame}"),
        ("send = '{xor8 frame 1..}'", "looks at a frame"),
        ("send = '{data}'\nevery = '1s'", "line 5: device.every: has no use without heartbeat"),
        ("send = '{data}'\nheartbeat = ['a', 'b']", "from 1 to 1 of it"),
        ("send = '{data}'\nlogn = 'x'", "did you mean \"login\"?"),
    ] {
        let told = faults(lines);
        let found = told.len() == 1 && told[0].contains(fault);
        let frame = fault == "{frame}" && told[0].contains("looks at a frame");
        assert!(found || frame, "{lines}: {told:?}");
    }
}

#[test]
fn what_is_sent_is_escaped_and_numbered() {
    let lines = "[[frame]]\nhead = '~[^~]'\nuntil = '~'\nmin = 1\nkeep = true
        escape = { '}\\x01' = '}', '}\\x02' = '~' }
        [device]\nsend = '~{seq:u16be}{seq:X4}{seq}{data}{now ms:u64be}~'";
    let protocol = super::ends::frames(lines);
    let sent = written(&protocol, Saying::Message(0), 258, b"~}");
    let time = NOW.0.to_be_bytes();
    assert_eq!(sent, [b"~\x01\x020102258}\x02}\x01", &time[..], b"~"].concat());
    assert!(answer(&protocol, Saying::Message(0), &sent, true).is_some());
    let plain = super::ends::frames(&lines.replace("[device]", "[device]\nplain = true"));
    let sent = written(&plain, Saying::Message(0), 1, b"}");
    assert_eq!(sent, [b"~\0\x0100011}", &time[..], b"~"].concat());
}
