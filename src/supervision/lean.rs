//! A context for actors of which there may be a million.
//!
//! actix's own keeps room for futures, timers and waiting in each actor, 336 bytes, and polls its
//! mailbox twice at each turn. Most actors of a crowd have nothing but a mailbox and one thing that
//! they wait for: here they take 24 bytes, so that such an actor's task fits into 128, which is the
//! least that tokio gives one.

use std::{
    cell::Cell,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{
    dev::{Envelope, EnvelopeProxy, ToEnvelope, channel::AddressReceiver},
    prelude::*,
};
use tokio::sync::oneshot;

use super::Exit;

/// An actor in a [`LeanContext`].
pub trait Lean: Actor<Context = LeanContext<Self>> {
    /// Goes on with what the actor waits for. Called whenever its task was woken, by whatever it
    /// was, behind the messages and futures that were ready.
    fn advance(&mut self, ctx: &mut LeanContext<Self>, task: &mut TaskContext<'_>);

    /// What is to be done once the actor is gone, whatever it died of. Asked for just before it is
    /// dropped; behind a panic its state may be half-changed.
    fn last_will(&self) -> Box<dyn FnOnce(Exit)>;
}

/// What an actor has of actix while it runs. It runs until it stops itself, whether anybody holds an
/// address of it or not.
pub struct LeanContext<A: Lean> {
    mailbox: AddressReceiver<A>,
    /// `None` while the actor runs and has nothing but its mailbox.
    extra: Option<Box<Extra<A>>>,
}

struct Extra<A: Actor> {
    state: ActorState,
    /// Run beside the mailbox.
    futures: Vec<(SpawnHandle, Work<A>)>,
    /// All else waits for these, and for the last one first.
    waits: Vec<Work<A>>,
    cancelled: Vec<SpawnHandle>,
    /// Something was spawned or cancelled, and nobody has looked at it yet.
    has_news: bool,
}

type Work<A> = Pin<Box<dyn ActorFuture<A, Output = ()>>>;

/// An actor and its context, for whoever polls them.
pub(super) struct LeanActor<A: Lean> {
    context: LeanContext<A>,
    actor: A,
}

thread_local! {
    /// No two futures of a thread have the same handle, so that none has to be remembered.
    static LAST_HANDLE: Cell<SpawnHandle> = Cell::default();
}

impl<A: Lean> LeanContext<A> {
    pub(super) fn new(mailbox: AddressReceiver<A>) -> Self {
        let extra = Some(Box::new(Extra::new(ActorState::Started)));
        Self { mailbox, extra }
    }

    fn extra(&mut self) -> &mut Extra<A> {
        self.extra.get_or_insert_with(|| Box::new(Extra::new(ActorState::Running)))
    }

    fn has_news(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.has_news)
    }

    /// Does `work` with the futures, while whatever they want of the context is gathered there. They
    /// are put back before a panic goes on its way: dropping them in an unwinding could abort the
    /// process.
    fn with_extra<T>(&mut self, work: impl FnOnce(&mut Self, &mut Extra<A>) -> T) -> Option<T> {
        let mut extra = self.extra.take()?;
        let done = catch_unwind(AssertUnwindSafe(|| work(self, &mut extra)));
        if let Some(new) = self.extra.take() {
            extra.add(*new);
        }
        extra.settle();
        if extra.is_needed() {
            self.extra = Some(extra);
        }
        match done {
            Ok(done) => Some(done),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<A: Actor> Extra<A> {
    fn new(state: ActorState) -> Self {
        let (futures, waits, cancelled) = (Vec::new(), Vec::new(), Vec::new());
        Self { state, futures, waits, cancelled, has_news: false }
    }

    fn add(&mut self, new: Self) {
        self.state = new.state;
        self.futures.extend(new.futures);
        self.waits.extend(new.waits);
        self.cancelled.extend(new.cancelled);
        self.has_news |= new.has_news;
    }

    /// Lets go of what was cancelled.
    fn settle(&mut self) {
        let cancelled = mem::take(&mut self.cancelled);
        self.futures.retain(|(handle, _)| !cancelled.contains(handle));
    }

    fn is_needed(&self) -> bool {
        let is_busy = !self.futures.is_empty() || !self.waits.is_empty();
        is_busy || self.has_news || self.state != ActorState::Running
    }
}

impl<A: Lean> ActorContext for LeanContext<A> {
    fn stop(&mut self) {
        if self.state().alive() {
            self.extra().state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.extra().state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.extra.as_ref().map_or(ActorState::Running, |extra| extra.state)
    }
}

impl<A: Lean> AsyncContext<A> for LeanContext<A> {
    fn address(&self) -> Addr<A> {
        Addr::new(self.mailbox.sender())
    }

    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        let handle = LAST_HANDLE.get().next();
        LAST_HANDLE.set(handle);
        let extra = self.extra();
        extra.futures.push((handle, Box::pin(future)));
        extra.has_news = true;
        handle
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        let extra = self.extra();
        extra.waits.push(Box::pin(future));
        extra.has_news = true;
    }

    fn waiting(&self) -> bool {
        let waits = |extra: &Extra<A>| !extra.waits.is_empty() || !extra.state.alive();
        self.extra.as_deref().is_some_and(waits)
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        let extra = self.extra();
        extra.cancelled.push(handle);
        extra.has_news = true;
        true
    }
}

impl<A, M> ToEnvelope<A, M> for LeanContext<A>
where
    A: Lean + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, answer: Option<oneshot::Sender<M::Result>>) -> Envelope<A> {
        Envelope::new(message, answer)
    }
}

impl<A: Lean> LeanActor<A> {
    pub(super) fn new(context: LeanContext<A>, actor: A) -> Self {
        Self { context, actor }
    }

    pub(super) fn last_will(&self) -> Box<dyn FnOnce(Exit)> {
        self.actor.last_will()
    }

    /// Ready once the actor has stopped. A panic of the actor passes through.
    pub(super) fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        if self.context.state() == ActorState::Started {
            self.context.extra = None;
            self.actor.started(&mut self.context);
        }
        loop {
            if self.poll_waits(task).is_pending() {
                return Poll::Pending;
            }
            self.take_messages(task);
            self.poll_futures(task);
            if !self.context.waiting() {
                self.actor.advance(&mut self.context, task);
            }
            if !self.context.state().alive() {
                if self.stops() {
                    return Poll::Ready(());
                }
            } else if !self.context.has_news() {
                return Poll::Pending;
            }
        }
    }

    /// Whether it really stops: an actor may have second thoughts.
    fn stops(&mut self) -> bool {
        if self.context.state() == ActorState::Stopping
            && self.actor.stopping(&mut self.context) == Running::Continue
        {
            self.context.extra().state = ActorState::Running;
            return false;
        }
        self.context.terminate();
        self.actor.stopped(&mut self.context);
        true
    }

    /// Ready once nothing has to be waited for.
    fn poll_waits(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        let actor = &mut self.actor;
        while self.context.waiting() && self.context.state().alive() {
            let polled = self.context.with_extra(|context, extra| {
                extra.has_news = false;
                let Some(work) = extra.waits.last_mut() else { return Poll::Ready(()) };
                let polled = work.as_mut().poll(actor, context, task);
                if polled.is_ready() {
                    extra.waits.pop();
                }
                polled
            });
            if polled == Some(Poll::Pending) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn take_messages(&mut self, task: &mut TaskContext<'_>) {
        while !self.context.waiting() {
            match Pin::new(&mut self.context.mailbox).poll_next(task) {
                Poll::Ready(Some(mut message)) => {
                    message.handle(&mut self.actor, &mut self.context);
                }
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }

    fn poll_futures(&mut self, task: &mut TaskContext<'_>) {
        if self.context.waiting() {
            return;
        }
        let actor = &mut self.actor;
        self.context.with_extra(|context, extra| {
            extra.has_news = false;
            extra.settle();
            let mut at = 0;
            while at < extra.futures.len() && !context.waiting() {
                let (_, work) = &mut extra.futures[at];
                match work.as_mut().poll(actor, context, task) {
                    Poll::Pending => at += 1,
                    Poll::Ready(()) => drop(extra.futures.remove(at)),
                }
            }
        });
    }
}

/// One that is dropped while it runs is told so, and has no say.
impl<A: Lean> Drop for LeanActor<A> {
    fn drop(&mut self) {
        if matches!(self.context.state(), ActorState::Started | ActorState::Stopped) {
            return;
        }
        self.context.stop();
        let _no_choice = self.actor.stopping(&mut self.context);
        self.context.terminate();
        self.actor.stopped(&mut self.context);
    }
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
