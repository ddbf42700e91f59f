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

/// Starts an actor on this thread that is never restarted, and carries out its
/// [last will](Lean::last_will) exactly once when it is gone, outside of any unwinding. `mailbox` is
/// its capacity in messages.
///
/// The wrapper holds the actor and its context, nothing else: there may be a million of them.
pub fn start_temporary<A: Lean>(mailbox: usize, actor: A) -> Addr<A> {
    let (sender, receiver) = channel(mailbox);
    let running = LeanActor::new(LeanContext::new(receiver), actor);
    actix_rt::spawn(Temporary { running: Some(running) });
    Addr::new(sender)
}

struct Temporary<A: Lean> {
    /// `None` once the actor is gone.
    running: Option<LeanActor<A>>,
}

impl<A: Lean> Temporary<A> {
    fn end(&mut self, exit: Exit) {
        let Some(gone) = self.running.take() else { return };
        let last_will = caught(|| gone.last_will());
        drop_caught(gone);
        if let Ok(last_will) = last_will {
            let _ = caught(|| last_will(exit));
        }
    }
}

impl<A: Lean> Future for Temporary<A> {
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
impl<A: Lean> Drop for Temporary<A> {
    fn drop(&mut self) {
        self.end(Exit::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Idle;

    impl actix::Actor for Idle {
        type Context = LeanContext<Self>;
    }

    impl Lean for Idle {
        fn advance(&mut self, _: &mut LeanContext<Self>, _: &mut TaskContext<'_>) {}

        fn last_will(&self) -> Box<dyn FnOnce(Exit)> {
            Box::new(drop)
        }
    }

    #[test]
    fn an_actor_that_only_has_a_mailbox_takes_two_words_beside_its_own() {
        // 96 bytes of a task are tokio's, and 8 tell how far it is: a word is left of 128.
        assert_eq!(size_of::<Temporary<Idle>>(), 16);
    }
}
