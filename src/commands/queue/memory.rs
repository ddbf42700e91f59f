use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{commands::record::Ended, model::UnixMillis};

/// Commands that have ended, so that one which is sent again is known.
#[derive(Debug, Default)]
pub(super) struct Memory {
    ended: HashMap<Arc<str>, (u64, Ended)>,
    /// In the order of their ends.
    order: VecDeque<Arc<str>>,
    /// Bytes of the answers.
    answers: u64,
}

/// An end is remembered for so long, in milliseconds.
const REMEMBERED_FOR: u64 = 24 * 3_600_000;

impl Memory {
    pub fn get(&self, id: &str) -> Option<&Ended> {
        self.ended.get(id).map(|(_, ended)| ended)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// In the order of their ends, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Ended)> {
        let known = self.order.iter().filter_map(|id| self.ended.get(id));
        known.map(|(number, ended)| (*number, ended))
    }

    pub fn add(&mut self, number: u64, ended: Ended) {
        let id = Arc::clone(&ended.id);
        self.answers += ended.end.data.len() as u64;
        if let Some((_, before)) = self.ended.insert(Arc::clone(&id), (number, ended)) {
            self.answers -= before.end.data.len() as u64;
            return;
        }
        self.order.push_back(id);
    }

    /// Forgets what ended long ago, and the oldest where they are too many or their answers too
    /// large; answers how many of these would have been remembered for longer.
    pub fn forget(&mut self, now: UnixMillis, most: usize, most_answers: u64) -> u64 {
        let mut early = 0;
        while let Some(id) = self.order.front() {
            let Some((_, oldest)) = self.ended.get(id) else { break };
            let is_due = now.0.saturating_sub(oldest.end.time.0) >= REMEMBERED_FOR;
            if !is_due && self.order.len() <= most && self.answers <= most_answers {
                break;
            }
            early += u64::from(!is_due);
            self.answers -= oldest.end.data.len() as u64;
            self.ended.remove(&Arc::clone(id));
            self.order.pop_front();
        }
        early
    }
}
