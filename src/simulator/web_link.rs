use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    sync::mpsc,
    task::{self, coop},
    time,
};
use tokio_util::{
    codec::{Decoder, LinesCodec, LinesCodecError},
    sync::CancellationToken,
};

use super::{
    Acknowledge, Behaviour, Say, Stream, Violation,
    web_memory::{State, WebMemory},
};

/// Bytes read at once.
const READ: usize = 64 << 10;
/// Bytes that may wait for a gateway that does not read, before no more is read from it.
const UNREAD: usize = 1 << 20;
/// Characters of a bad line that are told.
const TOLD: usize = 120;

/// One link between a gateway and the stand-in.
pub(super) struct WebLink {
    pub memory: Arc<WebMemory>,
    pub behaviour: Behaviour,
    codec: LinesCodec,
    input: BytesMut,
    output: BytesMut,
    /// Acknowledgements that wait for their moment.
    late: VecDeque<(Instant, u64)>,
    gateway: Option<String>,
    lines: u64,
    reads: bool,
    /// What is in `output` still goes out, and then FIN.
    leaving: bool,
}

impl WebLink {
    pub fn new(memory: Arc<WebMemory>, behaviour: Behaviour) -> Self {
        let codec = LinesCodec::new_with_max_length(memory.settings.max_line);
        Self {
            memory,
            behaviour,
            codec,
            input: BytesMut::new(),
            output: BytesMut::new(),
            late: VecDeque::new(),
            gateway: None,
            lines: 0,
            reads: true,
            leaving: false,
        }
    }

    /// Puts a line in front of everything.
    pub fn say(&mut self, line: &[u8]) {
        self.output.extend_from_slice(line);
        self.output.extend_from_slice(b"\n");
    }

    /// Talks with the gateway until either has had enough, or `stop`.
    pub async fn talk(
        mut self,
        stream: Stream,
        mut typed: mpsc::Receiver<Bytes>,
        stop: CancellationToken,
    ) {
        let _connected = self.memory.connected();
        // However a link ends, the gateway sees it end; there is nobody to tell about errors.
        let _ = self.converse(&stream, &mut typed, &stop).await;
    }

    async fn converse(
        &mut self,
        stream: &Stream,
        typed: &mut mpsc::Receiver<Bytes>,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        loop {
            // A socket that always has more would never let the other tasks have their turn.
            coop::consume_budget().await;
            let blocked = self.write(stream)?;
            if self.leaving && !blocked {
                return stream.finish();
            }
            let wake = self.late.front().map(|(due, _)| *due);
            let reads = self.reads && !self.leaving && self.output.len() < UNREAD;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(bytes) = typed.recv() => self.output.extend_from_slice(&bytes),
                () = time::sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {
                    self.acknowledge_late(time::Instant::now().into_std());
                }
                ready = stream.writable(), if blocked => ready?,
                ready = stream.readable(), if reads => {
                    ready?;
                    let Some(n) = self.read(stream)? else {
                        let cut = u64::from(!self.input.is_empty());
                        self.memory.change(|state| state.report.cut_lines += cut);
                        return Ok(());
                    };
                    if n > READ / 2 {
                        task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Writes what there is room for; `true` if there is more.
    fn write(&mut self, stream: &Stream) -> io::Result<bool> {
        while !self.output.is_empty() {
            match stream.try_write(&self.output) {
                Ok(n) => self.output.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Reads once and takes the lines; `None` at the end.
    fn read(&mut self, stream: &Stream) -> io::Result<Option<usize>> {
        self.input.reserve(READ);
        let n = match stream.try_read_buf(&mut self.input) {
            Ok(0) => return Ok(None),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(0)),
            Err(error) => return Err(error),
        };
        let memory = self.memory.clone();
        memory.change(|state| {
            state.report.bytes += n as u64;
            let offset = self.take_lines(state);
            if let Some(offset) = offset {
                self.acknowledge(offset, state);
            }
        });
        Ok(Some(n))
    }

    /// Takes the whole lines that are there and gives the last offset.
    fn take_lines(&mut self, state: &mut State) -> Option<u64> {
        let mut last = None;
        while self.reads && !self.leaving {
            let line = match self.codec.decode(&mut self.input) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(LinesCodecError::MaxLineLengthExceeded) => {
                    let most = self.memory.settings.max_line;
                    state.report.violation(Violation::TooLong(most));
                    continue;
                }
                Err(LinesCodecError::Io(error)) => {
                    state.report.violation(Violation::NotALine(error.to_string()));
                    continue;
                }
            };
            self.lines += 1;
            if self.behaviour.echo {
                self.say(line.as_bytes());
            }
            if let Some(offset) = self.line(line, state) {
                last = Some(offset);
                if self.behaviour.acknowledge == Acknowledge::EachLine {
                    self.acknowledge(offset, state);
                }
            }
            self.leaving |= self.behaviour.drop_after == Some(self.lines);
            self.reads &= self.behaviour.stop_reading_after != Some(self.lines);
        }
        last.filter(|_| self.behaviour.acknowledge != Acknowledge::EachLine)
    }

    /// Takes one line and gives its offset.
    fn line(&mut self, line: String, state: &mut State) -> Option<u64> {
        if self.gateway.is_some() {
            let offset = state.line(&line, self.gateway.as_deref(), &self.memory.settings);
            state.report.keep(line, self.memory.settings.keep_lines);
            return offset;
        }
        match state.hello(&line, &self.memory.settings) {
            Some(gateway) => self.gateway = Some(gateway),
            None => {
                state.report.violation(Violation::NoHello(told(&line)));
                self.gateway = Some(String::new());
            }
        }
        state.report.keep(line, self.memory.settings.keep_lines);
        for say in std::mem::take(&mut self.behaviour.says) {
            self.output.extend_from_slice(&say.bytes());
            self.leaving |= say == Say::HalfLine;
        }
        None
    }

    fn acknowledge(&mut self, offset: u64, state: &mut State) {
        let offset = match self.behaviour.acknowledge {
            Acknowledge::Never => return,
            Acknowledge::Late(pause) => {
                let due = time::Instant::now().into_std() + pause;
                self.late.push_back((due, offset));
                return;
            }
            Acknowledge::EachRead | Acknowledge::EachLine => offset,
            Acknowledge::Ahead(by) => offset + by,
            Acknowledge::Behind(by) => offset.saturating_sub(by),
        };
        state.report.acknowledgements += 1;
        self.say(format!("{{\"ack\":{offset}}}").as_bytes());
    }

    fn acknowledge_late(&mut self, now: Instant) {
        while let Some((_, offset)) = self.late.front().copied().filter(|(due, _)| *due <= now) {
            self.late.pop_front();
            self.memory.change(|state| state.report.acknowledgements += 1);
            self.say(format!("{{\"ack\":{offset}}}").as_bytes());
        }
    }
}

/// The beginning of a line, to be shown.
pub(super) fn told(line: &str) -> String {
    line.chars().take(TOLD).flat_map(char::escape_debug).collect()
}

/// A pause between two tries to reach a gateway.
pub(super) const RETRY: Duration = Duration::from_millis(50);
