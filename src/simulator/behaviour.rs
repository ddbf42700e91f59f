use std::time::Duration;

/// How the stand-in web server behaves on one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// When and what it acknowledges.
    pub acknowledge: Acknowledge,
    /// What it says right behind the gateway's `hello`.
    pub says: Vec<Say>,
    /// Each line goes back as it came.
    pub echo: bool,
    /// After so many lines it closes the link. Those lines are acknowledged first, which reaches
    /// the gateway only if it reads on after the end.
    pub drop_after: Option<u64>,
    /// After so many lines it reads no more and keeps the link open.
    pub stop_reading_after: Option<u64>,
}

/// When and what the stand-in acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// Once for all lines of a read.
    #[default]
    EachRead,
    /// Each line on its own.
    EachLine,
    /// Once for all lines of a read, so much later.
    Late(Duration),
    /// Never.
    Never,
    /// So many offsets that it has not got yet.
    Ahead(u64),
    /// So many offsets less than it has got.
    Behind(u64),
}

/// What a web server may say and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Lines that are no JSON, no object, no text, or nothing that anybody knows.
    Garbage,
    /// Half of an acknowledgement, and then FIN.
    HalfLine,
    /// One line of so many bytes.
    LongLine(usize),
    /// This line.
    Line(String),
}

impl Behaviour {
    /// A good web server that acknowledges in this way.
    pub fn acknowledging(acknowledge: Acknowledge) -> Self {
        Self { acknowledge, ..Self::default() }
    }

    /// A web server that says this once and is good otherwise.
    pub fn saying(say: Say) -> Self {
        Self { says: vec![say], ..Self::default() }
    }
}

impl Say {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Garbage => {
                b"hello?\n\n[]\n{}\n\"\"\nnull\n{\"ack\":\"7\"}\n{\"ack\":-1}\n{\"ack\":1e99}\n\
                  \xff\xfe\x00\n{\"ack\":1}{\"ack\":1}\n{\"command\":\"\x01\"}\n"
                    .to_vec()
            }
            Self::HalfLine => b"{\"ack\":17".to_vec(),
            Self::LongLine(length) => {
                let mut line = vec![b'x'; *length];
                line.push(b'\n');
                line
            }
            Self::Line(line) => format!("{line}\n").into_bytes(),
        }
    }
}
