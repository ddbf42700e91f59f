use std::{sync::Arc, time::Duration};

use actix::Message;
use bytes::Bytes;

use crate::model::{Name, Seat, SessionId, UnixMillis};

/// Send this to a device. What becomes of it comes back as [`Progress`], ended by exactly one step
/// that [`Step::is_last`].
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where the device's session lives.
    pub seat: Seat,
    /// The session.
    pub session: SessionId,
    /// The commander's number for this attempt.
    pub attempt: u64,
    /// What is sent, before the protocol wraps it.
    pub data: Bytes,
    /// What counts as an answer.
    pub answer: Awaited,
    /// How long an answer is waited for, behind the last byte's acknowledgement.
    pub timeout: Duration,
}

/// What counts as an answer to a command.
#[derive(Clone, Debug)]
pub enum Awaited {
    /// None is asked for: the device's TCP has the bytes, and that is all.
    Nothing,
    /// The next frame, or chunk where the protocol cuts none.
    Frame,
    /// The next one that fits.
    Match(Arc<regex::bytes::Regex>),
}

/// Deliveries to sessions of one thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliveries(pub Vec<Delivery>);

/// How far a delivery has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The commander's number for the attempt.
    pub attempt: u64,
    /// When.
    pub time: UnixMillis,
    /// What happened.
    pub step: Step,
}

/// What happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// All of it was handed to the socket.
    Written,
    /// The device's TCP has acknowledged its last byte.
    Acknowledged,
    /// The device has answered this; only behind [`Step::Acknowledged`], or it is the
    /// acknowledgement.
    Answered(Bytes),
    /// No answer came in time.
    NoAnswer,
    /// The session has no envelope for it, or cannot fill it in.
    Refused,
    /// The session is over, or not online yet; nothing was handed to its socket.
    Missed,
    /// The session is over, and nobody knows whether the device has got it.
    Uncertain,
}

impl Step {
    /// Whether nothing more comes of a delivery of which this is told.
    pub fn is_last(&self, answer: &Awaited) -> bool {
        match self {
            Self::Written => false,
            Self::Acknowledged => matches!(answer, Awaited::Nothing),
            _ => true,
        }
    }
}

/// What happened to deliveries on one thread, in order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Progresses(pub Vec<Progress>);

/// Devices that came online on one thread; told only while commands wait for anybody.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CameOnline(pub Vec<(Name, Seat, SessionId)>);
