use std::{collections::HashMap, time::Duration};

use tokio::time::timeout;

use super::{
    house::{Held, House},
    problem::Problem,
};
use crate::{
    messages::{Describe, Described, Description, Instruct, Instruction, Tap, TapAnswer},
    model::{CloseReason, SessionId},
};

/// A thread that answers no question in this time stands still.
const PATIENCE: Duration = Duration::from_secs(2);

impl House {
    /// What the threads tell of these, by their sessions; those that are gone by now are not among
    /// them.
    pub(super) async fn describe(
        &self,
        held: &[Held],
    ) -> Result<HashMap<SessionId, Description>, Problem> {
        let mut by_thread: HashMap<u32, Vec<(u32, SessionId)>> = HashMap::new();
        for held in held {
            by_thread.entry(held.seat.thread).or_default().push((held.seat.slot, held.session));
        }
        let mut found = HashMap::new();
        for (thread, seats) in by_thread {
            let described = self.ask(thread, Describe::These(seats)).await?;
            found.extend(described.sessions.into_iter().map(|session| (session.session, session)));
        }
        Ok(found)
    }

    /// The connections without a name, `most` at most.
    pub(super) async fn nameless(&self, most: usize) -> Result<Vec<Description>, Problem> {
        let mut found = Vec::new();
        for thread in 0..self.threads.len() as u32 {
            let mut next = Some(0);
            while let (Some(from), true) = (next, found.len() < most) {
                let described = self.ask(thread, Describe::Nameless { from }).await?;
                found.extend(described.sessions);
                next = described.next;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    async fn ask(&self, thread: u32, question: Describe) -> Result<Described, Problem> {
        let stuck = || Problem::unavailable(format!("session thread {thread} does not answer"));
        let port = self.threads.get(thread as usize).ok_or_else(stuck)?;
        let asked = timeout(PATIENCE, port.describe.send(question)).await;
        asked.map_err(|_| stuck())?.map_err(|_| stuck())
    }

    pub(super) async fn ask_tap(&self, thread: u32, tap: Tap) -> Result<TapAnswer, Problem> {
        let stuck = || Problem::unavailable(format!("session thread {thread} does not answer"));
        let port = self.threads.get(thread as usize).ok_or_else(stuck)?;
        let asked = timeout(PATIENCE, port.tap.send(tap)).await;
        asked.map_err(|_| stuck())?.map_err(|_| stuck())
    }

    /// Ends the session of `held` as `kicked`. Answers whether it was still there.
    pub(super) async fn kick(&self, held: &Held) -> Result<bool, Problem> {
        let stuck =
            || Problem::unavailable(format!("session thread {} does not answer", held.seat.thread));
        let port = self.threads.get(held.seat.thread as usize).ok_or_else(stuck)?;
        let kick = Instruct {
            slot: held.seat.slot,
            session: held.session,
            what: Instruction::Close(CloseReason::Kicked),
        };
        let asked = timeout(PATIENCE, port.instruct.send(kick)).await;
        Ok(asked.map_err(|_| stuck())?.map_err(|_| stuck())?.is_ok())
    }
}
