//! How the bytes of devices are cut, and who the devices are: bytes in, names and data out.
//!
//! Hostile bytes arrive here, so there is no socket and no clock: whoever reads the socket feeds
//! a [`Cutter`] and tells it of silences, and every test is a table.
//!
//! What holds for any input, in any pieces:
//! - What comes out as data or is counted as filtered is what went in, in order, no byte more or
//!   less, until a fault ends the session; only the delimiters of frames go without a word.
//! - A name is never glued to data, and a silence alone never cuts one.
//! - A cutter keeps at most [`Rules::registration_bytes`] and the length of a head, and nothing at
//!   all while nothing is unfinished (with [`Registration::Every`], the device's own packet).
//! - Data of a named session pass without being copied. Where a protocol cuts frames, those that
//!   lie whole in a read do, and only an unfinished one is kept.

mod anatomy;
mod byteset;
mod check;
mod code;
mod coded;
mod compile;
mod cutter;
mod delimiters;
mod description;
mod device;
mod engine;
mod every;
mod field;
mod frame;
mod framed;
mod heard;
mod intake;
mod item;
mod keys;
mod literal;
mod meaning;
mod packet;
mod pattern;
mod port;
mod region;
mod registration;
mod request;
mod rule;
mod rules;
mod sum;
mod template;
mod vocabulary;
mod waiting;
mod word;

#[cfg(test)]
mod tests;

pub use anatomy::{Anatomy, Part, What};
pub use check::Checked;
pub use code::{Code, Codes, Conversation, Cut, Reading};
pub use cutter::Cutter;
pub use description::Protocol;
pub use device::{Answer, DeviceSide, Knows, Saying};
pub use engine::{Engine, Piece, Terms};
pub use framed::{Frame, Written};
pub use heard::{Heard, Kept};
pub use intake::{Intake, Protocols};
pub use item::{Fault, Item, Malformed};
pub use keys::ProtocolFault;
pub use meaning::LONGEST_MEANING;
pub use port::{Ambiguity, Chosen, ambiguities, choose};
pub use request::Request;
pub use rule::Kind;
pub use rules::{Registration, Rules, Unregistered};
pub use sum::Checksum;
pub use template::{Given, Replies};
pub use vocabulary::{Conduct, OnBadChecksum, ReplyWhen, Vocabulary};

/// The protocol files that are built in: name and text. The one that listeners use by default
/// comes first.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("etung", include_str!("../../config/protocols/etung.toml")),
    ("castel", include_str!("../../config/protocols/castel.toml")),
    ("dlt645", include_str!("../../config/protocols/dlt645.toml")),
    ("etung_classic", include_str!("../../config/protocols/etung_classic.toml")),
    ("galileo", include_str!("../../config/protocols/galileo.toml")),
    ("gl200", include_str!("../../config/protocols/gl200.toml")),
    ("gps103", include_str!("../../config/protocols/gps103.toml")),
    ("gt06", include_str!("../../config/protocols/gt06.toml")),
    ("h02", include_str!("../../config/protocols/h02.toml")),
    ("inhand", include_str!("../../config/protocols/inhand.toml")),
    ("jt808", include_str!("../../config/protocols/jt808.toml")),
    ("line", include_str!("../../config/protocols/line.toml")),
    ("meitrack", include_str!("../../config/protocols/meitrack.toml")),
    ("modbus-rtu", include_str!("../../config/protocols/modbus-rtu.toml")),
    ("modbus-tcp", include_str!("../../config/protocols/modbus-tcp.toml")),
    ("q376", include_str!("../../config/protocols/q376.toml")),
    ("raw", include_str!("../../config/protocols/raw.toml")),
    ("ruptela", include_str!("../../config/protocols/ruptela.toml")),
    ("suntech", include_str!("../../config/protocols/suntech.toml")),
    ("t55", include_str!("../../config/protocols/t55.toml")),
    ("teltonika", include_str!("../../config/protocols/teltonika.toml")),
    ("tk103", include_str!("../../config/protocols/tk103.toml")),
    ("watch", include_str!("../../config/protocols/watch.toml")),
    ("wialon", include_str!("../../config/protocols/wialon.toml")),
];
