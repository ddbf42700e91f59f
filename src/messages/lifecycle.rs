use std::time::Duration;

use actix::Message;

/// Stop taking newcomers, and let go of who is here.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain {
    /// Sessions are closed at random moments within this time.
    pub spread: Duration,
}

/// How many sessions are left on a thread.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "usize")]
pub struct Drained;

/// All is over: end, and leave nothing behind.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Nothing more will be appended: deliver what is left until the deadline, then end.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Finish {
    /// How long that may take.
    pub within: Duration,
}
