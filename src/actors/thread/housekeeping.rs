use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use actix::prelude::*;
use tokio::time::{Instant, Sleep};

use super::{SessionHost, SessionThread, answering::Safe, deadlines::Look};
use crate::actors::session::Nudge;

/// Sessions whose deadlines have come up and that are nudged in one turn: many may have theirs at one
/// moment, and others wait.
const DUE_A_TURN: usize = 64;

/// The work at the end of each turn, and at deadlines.
pub(super) struct Housekeeping {
    sleep: Option<Pin<Box<Sleep>>>,
    safe: Safe,
}

impl ActorFuture<SessionHost> for Housekeeping {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        host: &mut SessionHost,
        ctx: &mut Context<SessionHost>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let thread = &host.thread;
        let is_known = thread.waker.borrow().as_ref().is_some_and(|w| w.will_wake(task.waker()));
        if !is_known {
            *thread.waker.borrow_mut() = Some(task.waker().clone());
        }
        loop {
            let served = thread.serve(task);
            thread.flush();
            thread.keep_promises(&mut self.safe, task);
            thread.tell_replies();
            if host.stopping && thread.sessions() == 0 {
                thread.end_taps();
                ctx.stop();
                return Poll::Ready(());
            }
            let due = thread.due();
            due.iter().for_each(|look| thread.nudge(look.slot, Nudge::Deadline(look.at)));
            if served || due.len() == DUE_A_TURN {
                // What was gathered goes on its way before more is read, and whoever was nudged runs
                // before more are.
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            if thread.may_go_on(task) {
                continue;
            }
            let Some(next) = thread.next() else { return Poll::Pending };
            let at = thread.began + Duration::from_millis(next);
            if self.sleep_until(at, task).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Housekeeping {
    /// The work of `thread`.
    pub(super) fn new(thread: &SessionThread) -> Self {
        Self { sleep: None, safe: Safe::new(thread.ports.spool.promised()) }
    }

    fn sleep_until(&mut self, at: Instant, task: &mut TaskContext<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(task)
    }
}

impl SessionThread {
    /// Whether one of those who had more to read has its turn now; if not, the task is woken when
    /// the upstreams have caught up.
    fn may_go_on(&self, task: &TaskContext<'_>) -> bool {
        let waits = self.turns.borrow().next().is_some();
        waits && !self.ports.spool.pressure().congestion().wake_when_over(task.waker())
    }

    /// When something has to be looked at, in milliseconds since the thread began.
    fn next(&self) -> Option<u64> {
        let (look, turn) = (self.deadlines.borrow().next(), self.turns.borrow().next());
        [look, turn].into_iter().flatten().min()
    }

    fn due(&self) -> Vec<Look> {
        let now = self.now();
        let mut deadlines = self.deadlines.borrow_mut();
        let table = self.table.borrow();
        let is_there = |look: &Look| table.get(look.slot).is_some_and(|who| who.tag() == look.tag);
        deadlines.sweep(table.len(), is_there);
        let due = std::iter::from_fn(|| deadlines.take_due(now)).filter(is_there);
        due.take(DUE_A_TURN).collect()
    }
}
