use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Wake, Waker},
};

use super::Ready;

/// Streams in memory know no epoll: they wake whoever asked them in vain. Each is asked with a bell
/// of its own, so that the thread hears of it by its key, as it does of sockets.
#[derive(Debug, Default)]
pub(super) struct Bells {
    rung: Mutex<Rung>,
}

#[derive(Debug, Default)]
struct Rung {
    /// Who has rung. A stream rings at most once for each time that it was asked in vain.
    keys: Vec<u64>,
    listener: Option<Waker>,
}

#[derive(Debug)]
struct Bell {
    key: u64,
    bells: Arc<Bells>,
}

impl Bells {
    /// The bell that rings under `key`.
    pub(super) fn bell(self: &Arc<Self>, key: u64) -> Waker {
        Waker::from(Arc::new(Bell { key, bells: Arc::clone(self) }))
    }

    /// Adds who has rung, `most` of them, to `ready`; where nobody has, whoever rings next wakes the
    /// task.
    pub(super) fn listen(&self, task: &Context<'_>, most: usize, ready: &mut Vec<Ready>) {
        let mut rung = self.rung();
        if rung.keys.is_empty() {
            let is_known = rung.listener.as_ref().is_some_and(|it| it.will_wake(task.waker()));
            if !is_known {
                rung.listener = Some(task.waker().clone());
            }
            return;
        }
        let some = rung.keys.len().min(most);
        let told = |key| Ready { key, readable: true, writable: true, closed: false };
        ready.extend(rung.keys.drain(..some).map(told));
    }

    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut rung = self.bells.rung();
        rung.keys.push(self.key);
        let listener = rung.listener.take();
        drop(rung);
        if let Some(listener) = listener {
            listener.wake();
        }
    }
}
