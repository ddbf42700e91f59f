//! Random streams of frames, of others' frames and of garbage: the same frames in any pieces, and none
//! above the longest. What is bent byte by byte is held by `tests/protocols` for every preset.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{conversation::Conversation, *};

/// Frames as datasheets lay them out, one for each way in which the presets cut.
const FRAMES: [(&str, &[u8]); 12] = [
    (
        "gt06",
        b"\x78\x78\x0d\x01\x08\x64\x71\x70\x03\x28\x35\x81\x00\x93\x04\x0d\x0a\x78\x78\x0d\x0a",
    ),
    ("gt06", b"\x79\x79\x00\x05\x32\x01\x21\xbb\x65\x0d\x0a"),
    ("teltonika", b"\x00\x0f123456789012345"),
    (
        "teltonika",
        b"\0\0\0\0\0\0\0\x10\x0c\x01\x05\0\0\0\x08\x03\x03\0\0\0\x01\x85\xe8\x01\0\0\xda\x8b",
    ),
    ("ruptela", b"\x00\x0b\x00\x03\x11\x5c\x88\x5f\xa8\xc6\x01\x00\x00\x00\x00"),
    ("h02", b"*HQ,4210051415,V1,164549,A,0956.3869,N#\r\n"),
    ("tk103", b"(013612345678BP05000013612345678$)$)"),
    ("gps103", b"imei:359586015829802,help me,0809231429;"),
    ("meitrack", b"$$z27,861451040910625,AAC,1*D3\r\n"),
    ("suntech", b"ST300STT;205174410;14;706\r"),
    ("jt808", b"\x7e\x00\x02\x00\x00\x04\x30\x48\x32\x54\x65\x00\xb7\x7d\x02\x7e"),
    ("gl200", b"+ACK:GTHBD,1A0401,135790246811220,,20100214093254,11F0$"),
];

const LONGEST: usize = 600;

fn whole(protocol: &Protocol, stream: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, usize, bool) {
    let mut conversation = Conversation::new(protocol);
    conversation.max_frame = LONGEST;
    let mut rest = stream;
    for piece in pieces.iter().cycle() {
        let (read, behind) = rest.split_at((*piece).min(rest.len()));
        conversation.read(read);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    conversation.pause().finish();
    assert!(conversation.fault.is_some() || conversation.held().is_empty());
    (conversation.bytes(), conversation.junk, conversation.fault.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_the_same_frames_in_any_pieces(
        (name, _) in select(FRAMES.to_vec()),
        parts in vec(
            prop_oneof![
                3 => select(FRAMES.to_vec()).prop_map(|(_, frame)| frame.to_vec()),
                1 => vec(any::<u8>(), 0..60),
                1 => select(vec![b"\x78".to_vec(), b"\x7e".to_vec(), b"\x7d".to_vec(), b"$".to_vec(), b"+RSP\x01".to_vec(), b"\xff\xff".to_vec()]),
                1 => (any::<u8>(), 1..700_usize).prop_map(|(byte, count)| vec![byte; count]),
            ],
            0..12,
        ),
        own in 0..4_usize,
        pieces in vec(prop_oneof![1..5_usize, 1..900_usize], 1..12),
    ) {
        let protocol = built_in(name);
        let (_, frame) = FRAMES.iter().find(|(known, _)| *known == name).unwrap();
        let mut parts = parts;
        for at in 0..own {
            parts.insert((at * 3).min(parts.len()), frame.to_vec());
        }
        let stream = parts.concat();
        let at_once = whole(&protocol, &stream, &[usize::MAX]);
        prop_assert_eq!(whole(&protocol, &stream, &pieces), at_once);
    }
}
