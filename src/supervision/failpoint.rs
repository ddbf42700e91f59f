//! Places where a test can make the program panic on purpose.
//!
//! In a build without debug assertions [`hit`] is empty and costs nothing.

#[cfg(debug_assertions)]
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

#[cfg(debug_assertions)]
static ARMED: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());
#[cfg(debug_assertions)]
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The next [`hit`] of `site` with just this `detail` panics, once.
#[cfg(debug_assertions)]
pub fn arm(site: &'static str, detail: &str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    armed.push((site, detail.to_owned()));
    COUNT.store(armed.len(), Ordering::Relaxed);
}

/// Panics if a test has armed this place for this `detail`.
#[cfg(debug_assertions)]
pub fn hit(site: &'static str, detail: &str) {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = armed.iter().position(|(s, d)| *s == site && d == detail) else { return };
    armed.swap_remove(at);
    COUNT.store(armed.len(), Ordering::Relaxed);
    drop(armed);
    panic!("failpoint {site} was hit by {detail}");
}

/// Nothing, in a build without debug assertions.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_site: &'static str, _detail: &str) {}
