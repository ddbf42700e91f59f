use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{Addr, dev::channel::channel};

use super::{
    Exit, caught, drop_caught,
    lean::{Lean, LeanActor, LeanContext},
};

/// Starts an actor on this thread that is never restarted, and calls `on_exit` exactly once when
/// it is gone, outside of any unwinding. `mailbox` is its capacity in messages.
///
/// The wrapper holds the context and `on_exit`, nothing else: there may be a million of them.
pub fn start_temporary<A, M, E>(mailbox: usize, make: M, on_exit: E) -> Addr<A>
where
    A: Lean,
    M: FnOnce(&mut LeanContext<A>) -> A,
    E: FnOnce(Exit) + Unpin + 'static,
{
    let (sender, receiver) = channel(mailbox);
    let mut context = LeanContext::new(receiver);
    let actor = make(&mut context);
    let running = LeanActor::new(context, actor);
    actix_rt::spawn(Temporary { running: Some(running), on_exit: Some(on_exit) });
    Addr::new(sender)
}

struct Temporary<A, E>
where
    A: Lean,
    E: FnOnce(Exit) + Unpin,
{
    /// `None` once the actor is gone.
    running: Option<LeanActor<A>>,
    on_exit: Option<E>,
}

impl<A, E> Temporary<A, E>
where
    A: Lean,
    E: FnOnce(Exit) + Unpin,
{
    fn end(&mut self, exit: Exit) {
        drop_caught(self.running.take());
        if let Some(on_exit) = self.on_exit.take() {
            let _ = caught(|| on_exit(exit));
        }
    }
}

impl<A, E> Future for Temporary<A, E>
where
    A: Lean,
    E: FnOnce(Exit) + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let Some(running) = self.running.as_mut() else { return Poll::Ready(()) };
        match caught(|| running.poll(task)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => self.end(Exit::Stopped),
            Err(text) => self.end(Exit::Panicked(text)),
        }
        Poll::Ready(())
    }
}

/// An arbiter that stops takes its tasks along; their endings are reported all the same.
impl<A, E> Drop for Temporary<A, E>
where
    A: Lean,
    E: FnOnce(Exit) + Unpin,
{
    fn drop(&mut self) {
        self.end(Exit::Stopped);
    }
}
