use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    DataEncoding, Report, Violation,
    checker::{Checker, News},
    web_line::WebLine,
    web_link::told,
};

/// What a stand-in web server expects and keeps.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// Longest line in bytes; longer ones are a violation and passed over.
    pub max_line: usize,
    /// How many of the last lines are kept.
    pub keep_lines: usize,
    /// Whether each name's bytes are hashed.
    pub hash: bool,
    /// How the gateway writes bytes.
    pub encoding: DataEncoding,
    /// Whether several sessions may have one name at once (`duplicate = "allow"`).
    pub allow_duplicates: bool,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            max_line: 16 << 20,
            keep_lines: 1000,
            hash: false,
            encoding: DataEncoding::Base64,
            allow_duplicates: false,
        }
    }
}

/// What a web server remembers over its links, and over its own restarts if it is handed on.
#[derive(Debug, Default)]
pub struct WebMemory {
    pub(super) settings: WebSettings,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub report: Report,
    gateways: HashMap<String, Checker>,
    scratch: Vec<u8>,
}

impl WebMemory {
    /// An empty memory.
    pub fn new(settings: WebSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the report.
    pub fn look<R>(&self, look: impl FnOnce(&Report) -> R) -> R {
        look(&self.lock().report)
    }

    /// Takes the lines that it keeps, each line once; of more than it keeps only the last are left.
    pub fn take_lines(&self) -> VecDeque<String> {
        std::mem::take(&mut self.lock().report.last_lines)
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// Waits until `reached` holds; for ever, if it never does.
    pub(super) async fn wait(&self, mut reached: impl FnMut(&Report) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Enabled before the look, so that no change falls in between.
            changed.as_mut().enable();
            if self.look(&mut reached) {
                return;
            }
            changed.await;
        }
    }

    /// Counts a link for as long as what it gives lives.
    pub(super) fn connected(self: &std::sync::Arc<Self>) -> impl Drop + use<> {
        struct Connected(std::sync::Arc<WebMemory>);
        impl Drop for Connected {
            fn drop(&mut self) {
                self.0.change(|state| state.report.connected -= 1);
            }
        }
        self.change(|state| {
            state.report.links += 1;
            state.report.connected += 1;
        });
        Connected(self.clone())
    }
}

impl State {
    /// Takes a link's first line; `None` if it is no `hello`.
    pub fn hello(&mut self, text: &str, settings: &WebSettings) -> Option<String> {
        let line: WebLine<'_> = serde_json::from_str(text).ok()?;
        line.hello.as_ref()?;
        let (gateway, spool) = (line.gateway?, line.spool?);
        self.report.lines += 1;
        self.report.hellos += 1;
        let fresh = || Checker::new(settings.allow_duplicates);
        self.gateways.entry(gateway.to_owned()).or_insert_with(fresh).hello(&spool);
        Some(gateway.to_owned())
    }

    /// Takes any other line; gives the offset if it has one.
    pub fn line(
        &mut self,
        text: &str,
        gateway: Option<&str>,
        settings: &WebSettings,
    ) -> Option<u64> {
        self.report.lines += 1;
        let line: WebLine<'_> = match serde_json::from_str(text) {
            Ok(line) => line,
            Err(error) => {
                let told = format!("{error}: {}", told(text));
                self.report.violation(Violation::NotALine(told));
                return None;
            }
        };
        if line.error.is_some() {
            self.report.error(text);
            return None;
        }
        let (Some(offset), Some(_)) = (line.offset, &line.event) else {
            let told = format!("neither event nor error: {}", told(text));
            self.report.violation(Violation::NotALine(told));
            return None;
        };
        self.event(&line, offset, text, gateway.unwrap_or_default(), settings);
        Some(offset)
    }

    fn event(
        &mut self,
        line: &WebLine<'_>,
        offset: u64,
        text: &str,
        gateway: &str,
        settings: &WebSettings,
    ) {
        let Self { report, gateways, scratch } = self;
        scratch.clear();
        let data = line.data.as_ref();
        if data.is_some_and(|data| !data.decode(settings.encoding, scratch)) {
            report.violation(Violation::BadData { offset });
            scratch.clear();
        }
        if !gateways.contains_key(gateway) {
            gateways.insert(gateway.to_owned(), Checker::new(settings.allow_duplicates));
        }
        let Some(checker) = gateways.get_mut(gateway) else { return };
        let length = scratch.len() as u64;
        let news = checker.take(line, offset, text, length, &mut |broken| report.violation(broken));
        match news {
            News::Repeat => report.repeats += 1,
            News::New => report.count(line, scratch, settings.hash),
        }
        if let Some(last) = checker.last() {
            match report.offsets.get_mut(gateway) {
                Some(known) => *known = last,
                None => drop(report.offsets.insert(gateway.to_owned(), last)),
            }
        }
    }
}
