use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

/// How many web servers that are there have fallen behind, as one atomic read.
///
/// What a device that never stops has sent stands before what others send after it. Whoever could
/// wait therefore does, until all upstreams have everything on its way again.
#[derive(Debug, Default)]
pub struct Congestion {
    behind: AtomicUsize,
    is_waited_for: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Congestion {
    /// Whether some upstream is behind.
    pub fn is_there(&self) -> bool {
        self.behind.load(Ordering::SeqCst) > 0
    }

    /// Has `waker` woken once no upstream is behind any more; answers whether one still is. Who is
    /// answered `false` may not be woken.
    pub fn wake_when_over(&self, waker: &Waker) -> bool {
        let mut waiting = self.waiting();
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        self.is_waited_for.store(true, Ordering::SeqCst);
        // Looked at behind the note: whoever ends it from here on sees that somebody waits.
        self.is_there()
    }

    fn change(&self, behind: bool) {
        if behind {
            self.behind.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let is_over = self.behind.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_over && self.is_waited_for.swap(false, Ordering::SeqCst) {
            let waiting = std::mem::take(&mut *self.waiting());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Wakers have no state that a panic could spoil.
    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One upstream's part in it, for as long as its link lasts: without a link there is nobody to be
/// late for, and it is not behind.
#[derive(Debug)]
pub struct Pace {
    congestion: Arc<Congestion>,
    behind: bool,
    /// What had gathered before the link was there is late already.
    was_up_to_date: bool,
}

impl Pace {
    /// Of a link that was just made.
    pub fn of(congestion: &Arc<Congestion>) -> Self {
        Self { congestion: Arc::clone(congestion), behind: false, was_up_to_date: false }
    }

    /// Notes whether everything is on its way. Before it was for the first time, being behind does
    /// not count.
    pub fn note(&mut self, is_up_to_date: bool) {
        self.was_up_to_date |= is_up_to_date;
        let behind = self.was_up_to_date && !is_up_to_date;
        if behind != self.behind {
            self.behind = behind;
            self.congestion.change(behind);
        }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.note(true);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn link(congestion: &Arc<Congestion>) -> Pace {
        let mut pace = Pace::of(congestion);
        pace.note(true);
        pace
    }

    #[test]
    fn it_is_over_once_no_upstream_is_behind() {
        let congestion = Arc::<Congestion>::default();
        let (mut one, mut other) = (link(&congestion), link(&congestion));
        one.note(false);
        other.note(false);
        one.note(false);
        one.note(true);
        assert!(congestion.is_there(), "the other is still behind");
        other.note(true);
        other.note(true);
        assert!(!congestion.is_there());
    }

    #[test]
    fn who_waits_is_woken_once_at_its_end_and_not_before() {
        let (congestion, bell) = (Arc::<Congestion>::default(), Arc::<Bell>::default());
        let waker = Waker::from(Arc::clone(&bell));
        let (mut one, mut other) = (link(&congestion), link(&congestion));
        one.note(false);
        other.note(false);
        assert!(congestion.wake_when_over(&waker) && congestion.wake_when_over(&waker));
        one.note(true);
        assert_eq!(bell.0.load(Ordering::SeqCst), 0);
        other.note(true);
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        other.note(false);
        other.note(true);
        assert_eq!(bell.0.load(Ordering::SeqCst), 1, "nobody waits any more");
        assert!(!congestion.wake_when_over(&waker));
    }

    #[test]
    fn a_link_that_breaks_is_not_behind_any_more() {
        let (congestion, bell) = (Arc::<Congestion>::default(), Arc::<Bell>::default());
        let mut pace = link(&congestion);
        pace.note(false);
        assert!(congestion.wake_when_over(&Waker::from(Arc::clone(&bell))));
        drop(pace);
        assert!(!congestion.is_there());
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_had_gathered_before_the_link_was_there_holds_nobody_up() {
        let congestion = Arc::<Congestion>::default();
        let mut pace = Pace::of(&congestion);
        pace.note(false);
        assert!(!congestion.is_there());
        pace.note(true);
        pace.note(false);
        assert!(congestion.is_there());
    }
}
