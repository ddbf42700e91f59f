//! The hot paths, each by itself. A case prepares its state; what it does then is counted.

mod cut;
mod deliver;
mod disk;
mod encode;
mod names;
mod store;

use anyhow::Result;
use tetherd::model::{CloseReason, Event, SessionId, UnixMillis};

/// What is counted: all operations of a case, each time it is called.
pub type Work = Box<dyn FnMut()>;

/// One thing that happens often.
pub struct Case {
    pub name: &'static str,
    pub operations: u32,
    pub prepare: fn() -> Result<Work>,
}

/// So often a case does its operation, unless it says otherwise.
const TIMES: u32 = 1024;

const fn case(name: &'static str, prepare: fn() -> Result<Work>) -> Case {
    Case { name, operations: TIMES, prepare }
}

/// All of them.
pub const CASES: &[Case] = &[
    case("cut/once", cut::once),
    case("cut/every", cut::every),
    case("cut/registration", cut::registration),
    case("names/claim", names::claim),
    case("names/depart", names::depart),
    case("names/find", names::find),
    case("store/batch_64B", store::batch_64_bytes),
    case("store/batch_1KiB", store::batch_1_kib),
    case("store/memory_1_a_batch", store::memory_one),
    case("store/memory_16_a_batch", store::memory_sixteen),
    case("store/read_back", store::read_back),
    case("store/disk_1_a_batch", disk::one),
    case("store/disk_16_a_batch", disk::sixteen),
    case("store/disk_write_256_a_turn", disk::turn),
    case("encode/base64_64B", encode::base64_64_bytes),
    case("encode/base64_1KiB", encode::base64_1_kib),
    case("encode/hex_64B", encode::hex),
    case("encode/text_64B", encode::text),
    case("encode/node_buffer_64B", encode::node),
    case("encode/online", encode::online),
    case("encode/offline", encode::ended),
    case("deliver/sent", deliver::sent),
    case("deliver/acknowledge_1", deliver::acknowledge_each),
    case("deliver/acknowledge_32", deliver::acknowledge_many),
];

/// Does `operation` again and again, with a number that rises for ever.
fn repeat(mut operation: impl FnMut(u64) + 'static) -> Work {
    let mut number = 0;
    Box::new(move || {
        for _ in 0..TIMES {
            operation(number);
            number += 1;
        }
    })
}

const NAME: &str = "860000000000001";
const PEER: &str = "10.1.2.3:40112";
const TIME: UnixMillis = UnixMillis(1_795_000_000_123);
const SESSION: SessionId = SessionId(1_795_000_000_123_456);
const CONNECTIONS: u32 = 1000;

/// What the `seq`th message of a device has become.
fn data(seq: u64, data: &[u8]) -> Event<'_> {
    let (name, session, time, peer) = (NAME, SESSION, TIME, PEER);
    Event::Data { name, session, seq, time, peer, connections: CONNECTIONS, data, meaning: b"" }
}

fn offline() -> Event<'static> {
    Event::Offline {
        name: NAME,
        session: SESSION,
        time: TIME,
        reason: CloseReason::PeerClosed,
        received_bytes: 640,
        sent_bytes: 0,
        connections: CONNECTIONS,
    }
}

/// So many bytes, as a serial line says them.
fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}
