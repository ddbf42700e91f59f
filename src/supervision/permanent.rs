use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Instant,
};

use actix::{
    dev::{ContextFut, channel::channel},
    prelude::*,
};
use tokio::time::Sleep;

use super::{CrashHistory, Exit, RestartPolicy, Verdict, caught, drop_caught};

/// Starts an actor on this thread that is restarted after a panic, within the limits of `policy`,
/// with its mailbox and addresses intact. `on_exit` hears of every panic and of the end.
///
/// `Supervised::restarting` must rebuild the actor's state, since the state at the panic may be
/// half-changed; `Actor::started` runs again behind it. Futures and timers of the context are gone
/// then; messages behind the one that crashed are kept.
pub fn start_permanent<A, M, E>(
    mailbox: usize,
    policy: RestartPolicy,
    make: M,
    on_exit: E,
) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
    M: FnOnce(&mut Context<A>) -> A,
    E: FnMut(Exit) + Unpin + 'static,
{
    let (sender, receiver) = channel(mailbox);
    let mut context = Context::with_receiver(receiver);
    let actor = make(&mut context);
    let permanent = Permanent {
        running: Some(context.into_future(actor)),
        rest: None,
        history: CrashHistory::new(policy),
        on_exit,
    };
    actix_rt::spawn(permanent);
    Addr::new(sender)
}

struct Permanent<A, E>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    /// `None` once the actor is gone for good.
    running: Option<ContextFut<A, Context<A>>>,
    /// Runs between a crash and the restart behind it.
    rest: Option<Pin<Box<Sleep>>>,
    history: CrashHistory,
    on_exit: E,
}

impl<A, E> Permanent<A, E>
where
    A: Supervised + Actor<Context = Context<A>>,
    E: FnMut(Exit) + Unpin,
{
    fn tell(&mut self, exit: Exit) {
        let _ = caught(|| (self.on_exit)(exit));
    }

    fn end(&mut self, exit: Exit) -> Poll<()> {
        drop_caught(self.running.take());
        self.tell(exit);
        Poll::Ready(())
    }

    /// Decides after a panic: rest and restart, or give up.
    fn crashed(&mut self, text: String) -> Poll<()> {
        match self.history.after_crash(Instant::now()) {
            Verdict::GiveUp => self.end(Exit::GaveUp(text)),
            Verdict::RestartAfter(pause) => {
                self.tell(Exit::Panicked(text));
                self.rest = Some(Box::pin(tokio::time::sleep(pause)));
                Poll::Pending
            }
        }
    }
}

impl<A, E> Future for Permanent<A, E>
where
    A: Supervised + Actor<Context = Context<A>>,
    E: FnMut(Exit) + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(rest) = this.rest.as_mut() {
                ready!(rest.as_mut().poll(task));
                this.rest = None;
                let Some(running) = this.running.as_mut() else { return Poll::Ready(()) };
                match caught(|| running.restart()) {
                    Ok(true) => {}
                    Ok(false) => return this.end(Exit::Stopped),
                    // The rest before the next try has to be polled, or nobody would end it.
                    Err(text) => match this.crashed(text) {
                        Poll::Pending => continue,
                        Poll::Ready(()) => return Poll::Ready(()),
                    },
                }
            }
            let Some(running) = this.running.as_mut() else { return Poll::Ready(()) };
            match caught(|| Pin::new(running).poll(task)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => return this.end(Exit::Stopped),
                Err(text) => {
                    if this.crashed(text).is_ready() {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }
}
