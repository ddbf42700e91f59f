use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// Lines that may wait for a terminal that stands still.
const WAITING: usize = 256;

/// How long the last lines may take; a terminal that stands still must not keep the process.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What a line is about, which gives its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing special.
    Plain,
    /// A device has come.
    Comes,
    /// A device has gone.
    Goes,
    /// What a device of ours says.
    Says,
    /// Whoever joined in by hand.
    Guest,
    /// The ledger.
    Sum,
    /// The web server goes away, or comes back.
    News,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Comes => "\x1b[32m",
            Self::Goes => "\x1b[33m",
            Self::Says => "\x1b[36m",
            Self::Guest => "\x1b[1;35m",
            Self::Sum => "\x1b[2m",
            Self::News => "\x1b[1;31m",
        }
    }
}

/// The terminal, written to by a thread of its own, so that one that stands still (Ctrl-S, a pipe
/// that nobody reads) holds nothing else up.
#[derive(Debug)]
pub(super) struct Screen {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
    colours: bool,
    missed: AtomicU64,
    gone: CancellationToken,
    fault: Arc<std::sync::Mutex<Option<io::Error>>>,
}

impl Screen {
    /// Standard output, with colours where it is a terminal that wants them.
    pub fn on_stdout(plain: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let colours = !plain && !unwanted && !dumb && io::stdout().is_terminal();
        Self::on(io::stdout(), colours)
    }

    /// Any other place.
    pub fn on(out: impl Write + Send + 'static, colours: bool) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let gone = CancellationToken::new();
        let fault = Arc::<std::sync::Mutex<Option<io::Error>>>::default();
        let (left, told) = (gone.clone(), Arc::clone(&fault));
        let writer = thread::spawn(move || {
            if let Err(error) = write_all(out, &waiting) {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    *told.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                }
                left.cancel();
            }
        });
        let (lines, writer) = (Some(lines), Some(writer));
        Self { lines, writer, colours, missed: AtomicU64::new(0), gone, fault }
    }

    /// Shows a line. What it says must be fit for a terminal already.
    pub fn line(&self, tone: Tone, text: &str) {
        let line = match self.colours && tone != Tone::Plain {
            true => format!("{}{text}\x1b[0m\n", tone.code()),
            false => format!("{text}\n"),
        };
        let Some(lines) = &self.lines else { return };
        if let Err(TrySendError::Full(_)) = lines.try_send(line) {
            self.missed.fetch_add(1, Relaxed);
        }
    }

    /// Lines that found no room since this was asked last.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Relaxed)
    }

    /// Waits until there is nobody left to read.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Writes what waits. A reader that has gone away is a normal end.
    pub async fn close(mut self) -> io::Result<()> {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take() {
            let joined = tokio::task::spawn_blocking(move || writer.join());
            // A terminal that stands still takes the last lines to where the process goes.
            let _ = tokio::time::timeout(LAST_LINES, joined).await;
        }
        let fault = self.fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        fault.map_or(Ok(()), Err)
    }
}

fn write_all(mut out: impl Write, lines: &Receiver<String>) -> io::Result<()> {
    while let Ok(line) = lines.recv() {
        out.write_all(line.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_terminal_that_stands_still_holds_nothing_up() {
        struct Still(mpsc::Receiver<()>);
        impl Write for Still {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (_hold, still) = mpsc::channel();
        let screen = Screen::on(Still(still), false);
        (0..2 * WAITING).for_each(|_| screen.line(Tone::Says, "line"));
        assert!(screen.take_missed() >= WAITING as u64 - 1);
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_away_is_a_normal_end() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let screen = Screen::on(Gone, true);
        screen.line(Tone::News, "anybody?");
        screen.gone().await;
        assert!(screen.close().await.is_ok());
    }
}
