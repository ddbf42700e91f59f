//! Random streams in random pieces. That nothing is lost, invented or put in another order, and
//! that memory stays bounded, is looked after by `Session` itself.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn rules() -> impl Strategy<Value = Rules> {
    let registration = select(vec![Registration::Once, Registration::Every]);
    let unregistered = select(vec![Unregistered::Hold, Unregistered::Forward, Unregistered::Close]);
    let sizes = (select(vec![0, 1, 7, 30, 512]), select(vec![1, 5, 64 << 10]));
    (registration, unregistered, any::<bool>(), sizes).prop_map(
        |(registration, unregistered, forward_registration, (registration_bytes, max_frame))| {
            Rules {
                registration,
                forward_registration,
                unregistered,
                registration_bytes,
                max_frame,
            }
        },
    )
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![1 => Just(built_in("etung_classic")), 4 => streamed()]
}

/// Protocols for which the pieces that a stream comes in mean nothing.
fn streamed() -> impl Strategy<Value = Protocol> {
    let twins = "name = 'twins'\n[registration]\nhead = '$$'\nterminators = ['$', '\\r', '\\n']\n";
    let twins = Protocol::parse("twins", twins).unwrap();
    select(vec![built_in("etung"), built_in("raw"), with_gap(), twins])
}

/// Parts that streams of devices are made of, good and bad.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known: [&[u8]; 16] = [
        b"ETUNG:",
        b"ETUNG:860000000000001",
        b"ETUNG:pump-7\n",
        b"ETUNG:ab\r\n",
        b"ETU",
        b"E",
        b"$$",
        b"$",
        b"\r",
        b"\n",
        b"\0",
        b";",
        b"pump-7",
        b"unknown",
        b"ETUNG:unknown\n",
        b"8600000000000012",
    ];
    let known: Vec<Vec<u8>> = known.iter().map(|part| part.to_vec()).collect();
    prop_oneof![4 => select(known), 1 => vec(any::<u8>(), 0..80)]
}

/// A stream, and the reads that it comes in, each perhaps with a silence behind it.
fn streams() -> impl Strategy<Value = (Vec<u8>, Vec<(usize, bool)>)> {
    let pieces = vec((prop_oneof![1..4_usize, 1..200_usize], any::<bool>()), 1..40);
    (vec(part(), 0..12).prop_map(|parts| parts.concat()), pieces)
}

fn run(session: &mut Session, stream: &[u8], pieces: &[(usize, bool)], silences: bool) {
    let mut rest = stream;
    for &(length, silence) in pieces.iter().cycle() {
        if rest.is_empty() || matches!(session.out.last(), Some(Fault(_))) {
            break;
        }
        let (read, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        session.read(read);
        if silence && silences && !matches!(session.out.last(), Some(Fault(_))) {
            session.pause();
        }
    }
}

fn name_of(out: &[Out]) -> Option<&Out> {
    out.iter().find(|one| matches!(one, Named(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_invented_whatever_comes(
        protocol in protocol(), rules in rules(), (stream, pieces) in streams(),
    ) {
        let mut session = Session::new(&protocol, rules);
        run(&mut session, &stream, &pieces, true);
        if !matches!(session.out.last(), Some(Fault(_))) {
            session.finish();
        }
        let names = session.out.iter().filter(|one| matches!(one, Named(_))).count();
        prop_assert!(names <= 1);
        let named = session.out.iter().position(|one| matches!(one, Named(_)));
        for (at, one) in session.out.iter().enumerate() {
            let under_a_name = protocol.names_by_address() || named.is_some_and(|named| named < at);
            prop_assert!(!matches!(one, Data(_)) || under_a_name);
            prop_assert!(!matches!(one, Unnamed(_)) || !under_a_name);
            if let Data(bytes) | Unnamed(bytes) = one {
                // What was held back comes in one piece: at most a registration.
                prop_assert!(bytes.len() <= rules.max_frame.max(140));
            }
        }
    }

    #[test]
    fn neither_pieces_nor_silences_change_a_name_or_a_fault(
        protocol in streamed(), rules in rules(), (stream, pieces) in streams(),
    ) {
        let mut whole = Session::new(&protocol, rules);
        whole.read(&stream);
        let mut session = Session::new(&protocol, rules);
        let silences = protocol.packet().is_none_or(|packet| packet.gap.is_none());
        run(&mut session, &stream, &pieces, silences);
        if rules.registration == Registration::Once {
            prop_assert_eq!(name_of(&session.out), name_of(&whole.out));
            let fault = |out: &[Out]| out.iter().any(|one| matches!(one, Fault(_)));
            prop_assert_eq!(fault(&session.out), fault(&whole.out));
        }
    }

    #[test]
    fn packets_of_every_kind_come_out_whole_in_any_pieces(
        (device, end) in select(vec![
            (IMEI, ""), (IMEI, "\r\n"), ("pump", "\r\n"), ("pump", "\n"), ("p", ";"), ("p", "\0"),
        ]),
        chunks in vec(vec(any::<u8>(), 0..40), 1..20),
        pieces in vec((1..60_usize, any::<bool>()), 1..20),
    ) {
        let packet = format!("ETUNG:{device}{end}");
        // Data that begin like a terminator would be taken for one behind the first packet.
        let first = [vec![b'x'], chunks[0].clone()].concat();
        let chunks = [&[first][..], &chunks[1..]].concat();
        let stream: Vec<u8> =
            chunks.iter().flat_map(|chunk| [packet.as_bytes(), chunk].concat()).collect();
        let etung = built_in("etung");
        let mut session = Session::new(&etung, EVERY);
        run(&mut session, &stream, &pieces, false);
        session.pause();
        let mut expected = vec![name(device)];
        for chunk in chunks {
            expected.push(Filtered(packet.len()));
            if !chunk.is_empty() {
                expected.push(Data(chunk));
            }
        }
        prop_assert_eq!(joined(session.take()), joined(expected));
    }
}
