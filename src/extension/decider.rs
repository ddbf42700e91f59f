use std::time::Duration;

use actix::{Message, Recipient, dev::MessageResponse};

use super::Occurrence;

/// May this happen? The session waits unread until it is answered.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Verdict")]
pub struct Question(pub Occurrence);

/// A decider's answer; what a refusal means stands at each [`super::Moment`].
#[derive(Clone, Debug, PartialEq, Eq, MessageResponse)]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// Don't, for the reason told here, which is logged.
    Refuse(String),
}

/// A decider, how long it may think, and what counts when it is silent.
#[derive(Clone)]
pub struct Decider {
    recipient: Recipient<Question>,
    deadline: Duration,
    when_silent: Verdict,
}

impl Decider {
    /// A decider that has `deadline` to answer; silent, busy or dead, `when_silent` counts.
    pub fn new(recipient: Recipient<Question>, deadline: Duration, when_silent: Verdict) -> Self {
        Self { recipient, deadline, when_silent }
    }

    /// Asks it; nothing, where it is silent.
    pub(super) async fn ask(&self, question: Question) -> Option<Verdict> {
        let answer = self.recipient.send(question);
        tokio::time::timeout(self.deadline, answer).await.ok()?.ok()
    }

    /// What counts when it is.
    pub(super) fn when_silent(&self) -> Verdict {
        self.when_silent.clone()
    }
}
