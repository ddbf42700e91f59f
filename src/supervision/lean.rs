//! A context for actors of which there may be a million.
//!
//! actix's own keeps room for futures, timers and waiting in each actor, 336 bytes, and polls its
//! mailbox twice at each turn. Most actors of a crowd have nothing but a mailbox and one thing that
//! they wait for; here the rest takes room only in those that use it.

use std::{
    mem,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{
    dev::{Envelope, EnvelopeProxy, ToEnvelope, channel::AddressReceiver},
    prelude::*,
};
use tokio::sync::oneshot;

/// An actor in a [`LeanContext`].
pub trait Lean: Actor<Context = LeanContext<Self>> {
    /// Goes on with what the actor waits for. Called whenever its task was woken, by whatever it
    /// was, behind the messages and futures that were ready.
    fn advance(&mut self, ctx: &mut LeanContext<Self>, task: &mut TaskContext<'_>);
}

/// What an actor has of actix while it runs. It runs until it stops itself, whether anybody holds an
/// address of it or not.
pub struct LeanContext<A: Lean> {
    mailbox: AddressReceiver<A>,
    state: ActorState,
    /// `None` until the first future is spawned.
    spawned: Option<Box<Spawned<A>>>,
}

type Work<A> = Pin<Box<dyn ActorFuture<A, Output = ()>>>;

/// Futures on their way from the context to where they run.
struct Spawned<A: Actor> {
    last: SpawnHandle,
    futures: Vec<(SpawnHandle, Work<A>)>,
    waits: Vec<Work<A>>,
    cancelled: Vec<SpawnHandle>,
}

/// Futures that run beside the mailbox.
struct Futures<A: Actor> {
    list: Vec<(SpawnHandle, Work<A>)>,
    /// All else waits for these, and for the last one first.
    waits: Vec<Work<A>>,
}

/// An actor and its context, for whoever polls them.
pub(super) struct LeanActor<A: Lean> {
    context: LeanContext<A>,
    actor: A,
    futures: Option<Box<Futures<A>>>,
}

impl<A: Lean> LeanContext<A> {
    pub(super) fn new(mailbox: AddressReceiver<A>) -> Self {
        Self { mailbox, state: ActorState::Started, spawned: None }
    }

    fn spawned(&mut self) -> &mut Spawned<A> {
        self.spawned.get_or_insert_with(|| {
            Box::new(Spawned {
                last: SpawnHandle::default(),
                futures: Vec::new(),
                waits: Vec::new(),
                cancelled: Vec::new(),
            })
        })
    }

    /// Whether something was spawned that runs nowhere yet, or cancelled that still does.
    fn has_news(&self) -> bool {
        let is_any = |news: &Spawned<A>| {
            !(news.futures.is_empty() && news.waits.is_empty() && news.cancelled.is_empty())
        };
        self.spawned.as_deref().is_some_and(is_any)
    }
}

impl<A: Lean> ActorContext for LeanContext<A> {
    fn stop(&mut self) {
        if self.state.alive() {
            self.state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.state
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
        let spawned = self.spawned();
        spawned.last = spawned.last.next();
        spawned.futures.push((spawned.last, Box::pin(future)));
        spawned.last
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.spawned().waits.push(Box::pin(future));
    }

    fn waiting(&self) -> bool {
        let waits = self.spawned.as_ref().is_some_and(|new| !new.waits.is_empty());
        waits || !self.state.alive()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.spawned().cancelled.push(handle);
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
        Self { context, actor, futures: None }
    }

    /// Ready once the actor has stopped. A panic of the actor passes through.
    pub(super) fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        if self.context.state == ActorState::Started {
            self.context.state = ActorState::Running;
            self.actor.started(&mut self.context);
        }
        loop {
            self.take_over();
            if self.wait(task).is_pending() {
                return Poll::Pending;
            }
            self.take_messages(task);
            self.run_futures(task);
            if !self.context.waiting() {
                self.actor.advance(&mut self.context, task);
            }
            if !self.context.state.alive() {
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
        if self.context.state == ActorState::Stopping
            && self.actor.stopping(&mut self.context) == Running::Continue
        {
            self.context.state = ActorState::Running;
            return false;
        }
        self.context.state = ActorState::Stopped;
        self.actor.stopped(&mut self.context);
        true
    }

    /// Takes over what was spawned and cancelled.
    fn take_over(&mut self) {
        if !self.context.has_news() {
            return;
        }
        let Some(spawned) = self.context.spawned.as_mut() else { return };
        let futures = self
            .futures
            .get_or_insert_with(|| Box::new(Futures { list: Vec::new(), waits: Vec::new() }));
        futures.list.append(&mut spawned.futures);
        futures.waits.append(&mut spawned.waits);
        let cancelled = mem::take(&mut spawned.cancelled);
        futures.list.retain(|(handle, _)| !cancelled.contains(handle));
    }

    /// Ready once nothing has to be waited for.
    fn wait(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        while self.context.state.alive() {
            let Some(futures) = self.futures.as_mut() else { break };
            let Some(work) = futures.waits.last_mut() else { break };
            if work.as_mut().poll(&mut self.actor, &mut self.context, task).is_pending() {
                return Poll::Pending;
            }
            futures.waits.pop();
            self.take_over();
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

    fn run_futures(&mut self, task: &mut TaskContext<'_>) {
        let Some(futures) = self.futures.as_mut() else { return };
        let mut at = 0;
        while at < futures.list.len() && !self.context.waiting() {
            let (_, work) = &mut futures.list[at];
            match work.as_mut().poll(&mut self.actor, &mut self.context, task) {
                Poll::Pending => at += 1,
                Poll::Ready(()) => drop(futures.list.remove(at)),
            }
        }
        let done = futures.list.is_empty() && futures.waits.is_empty();
        if done {
            self.futures = None;
        }
    }
}

/// One that is dropped while it runs is told so, and has no say.
impl<A: Lean> Drop for LeanActor<A> {
    fn drop(&mut self) {
        if matches!(self.context.state, ActorState::Started | ActorState::Stopped) {
            return;
        }
        self.context.state = ActorState::Stopping;
        let _no_choice = self.actor.stopping(&mut self.context);
        self.context.state = ActorState::Stopped;
        self.actor.stopped(&mut self.context);
    }
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
