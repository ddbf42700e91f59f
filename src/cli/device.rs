//! `tetherd device`: plays one device or a fleet against any gateway.

mod log;
mod play;
mod script;
mod speech;

use std::{
    io::{self, Write},
    net::IpAddr,
    process::ExitCode,
    sync::Arc,
};

use bytes::Bytes;
use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::play::{play_fleet, play_one};
use crate::{
    config::Options,
    simulator::{
        ConnectFault, EscapeFault, PATIENCE, Payload, Speech, SpeechFault, Target, unescape,
    },
    units::Span,
};

const EXAMPLES: &str = r#"Examples:
  A device that registers and says something each second:
      tetherd device 127.0.0.1:7000
  A Modbus answer every ten seconds, ten times, then a reset:
      tetherd device plant.example:7000 --name 860000000000042 \
          --data hex:01030400010002 --every 10s --messages 10 --end reset
  Times out after three seconds and says goodbye, as a Node client may:
      tetherd device 127.0.0.1:7000 --silent --idle 3s --last-words bye
  Look up, connect, write, show the first answer, destroy:
      tetherd device www.example.com:80 --no-register --once --data 'GET / HTTP/1.0\r\n\r\n'
  Answers each message at once:
      tetherd device 127.0.0.1:7000 --answer 'client data: {i}'
  Type at a device's place:
      tetherd device 127.0.0.1:7000 -i
  A GT06 tracker that logs in, sends positions, and compares what it is answered:
      tetherd device 127.0.0.1:5023 --protocol gt06 --every 10s
  The same with a message of its own, once:
      tetherd device 127.0.0.1:5023 --protocol gt06 --once --data 'pressure 4'
  Another device of your own protocol file, before there is one:
      tetherd device 127.0.0.1:7001 --protocol ./tank.toml --name 20260018
  A thousand devices, a hundred connects a second, for a minute:
      tetherd device 127.0.0.1:7000 --count 1000 --rate 100 --every 10s --for 1m"#;

/// Arguments of `tetherd device`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct DeviceArgs {
    /// The gateway: host:port (IPv6 in brackets) or unix:/path
    pub address: Target,

    /// The device's name; a fleet counts upwards from it [default: 860000000000001, or what the
    /// protocol says]
    #[arg(long)]
    pub name: Option<String>,

    /// Play a device of this protocol: one that is built in, one in the configuration's protocols/,
    /// or a file such as ./pump.toml, whose device table says what it sends. Its reports are those of the
    /// file; with --data or -i it sends that instead, in the protocol's frames
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["register", "no_register", "terminator", "answer"])]
    pub protocol: Option<String>,

    /// What ends the registration; '' for nothing
    #[arg(long, value_name = "TEXT", default_value = r"\r\n", value_parser = bytes)]
    pub terminator: Bytes,

    /// Send these bytes first, instead of ETUNG: and the name
    #[arg(long, value_name = "TEXT", value_parser = bytes, conflicts_with_all = ["name", "terminator"])]
    pub register: Option<Bytes>,

    /// Send no registration
    #[arg(long, conflicts_with_all = ["name", "terminator", "register"])]
    pub no_register: bool,

    /// What each message says: TEXT, @file, hex:0103, random:64 (printable), bytes:64 (any) or
    /// counter:TEXT; without it "message" and its number, or nothing with -i or --answer
    #[arg(long, value_name = "TEXT", value_parser = Payload::parse)]
    pub data: Option<Payload>,

    /// Send no messages; signs of life still go out with --protocol
    #[arg(long, conflicts_with = "data")]
    pub silent: bool,

    /// Pause between two messages; signs of life have the protocol's own
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub every: Span,

    /// Each pause is longer or shorter by at most this
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    pub jitter: Span,

    /// End after so many messages, answers included
    #[arg(long, value_name = "N")]
    pub messages: Option<u64>,

    /// After the last message (or the end of what is typed) stay connected, in silence
    #[arg(long)]
    pub stay: bool,

    /// End after so long; for a fleet, the whole run
    #[arg(long = "for", value_name = "SPAN")]
    pub duration: Option<Span>,

    /// End when nothing was read or written for so long
    #[arg(long, value_name = "SPAN")]
    pub idle: Option<Span>,

    /// Said before the end, if that is finish or half-close
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = bytes)]
    pub last_words: Bytes,

    /// How to end
    #[arg(long, value_enum, default_value_t)]
    pub end: End,

    /// Answer each message at once; {i} is the answer's number from 1, {received} what came
    #[arg(long, value_name = "TEXT")]
    pub answer: Option<String>,

    /// Connect, write one message, show the first answer, destroy
    #[arg(long)]
    pub once: bool,

    /// Come back after an ending by the gateway: pauses from 200ms to 30s, at random
    #[arg(long)]
    pub reconnect: bool,

    /// Send the registration in random pieces
    #[arg(long, conflicts_with = "slow")]
    pub pieces: bool,

    /// Send one byte each time this has passed
    #[arg(long, value_name = "SPAN")]
    pub slow: Option<Span>,

    /// Send what is typed, line by line; the end of the input ends the device
    #[arg(short, long, conflicts_with = "count")]
    pub interactive: bool,

    /// What is sent behind each typed line [default: \n, or nothing with --protocol]
    #[arg(long, value_name = "TEXT", value_parser = bytes)]
    pub line_end: Option<Bytes>,

    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,

    /// Most connects a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// Address to connect from; repeatable, a fleet takes them in turn
    #[arg(long, value_name = "IP")]
    pub source: Vec<IpAddr>,

    /// Where everything random comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How a device ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum End {
    /// Last words and FIN, then wait a little for the gateway's
    #[default]
    Finish,
    /// Last words and FIN, then read on until the gateway's
    HalfClose,
    /// Close at once
    Destroy,
    /// Reset
    Reset,
}

fn bytes(text: &str) -> Result<Bytes, EscapeFault> {
    unescape(text).map(Bytes::from)
}

#[derive(Debug, thiserror::Error)]
enum DeviceFault {
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    #[error("{unreachable} of {count} devices could not connect: {first}")]
    Fleet { unreachable: usize, count: usize, first: String },
    #[error(
        "a fleet counts its names upwards and {0:?} is no number; write one such as 860000000000001"
    )]
    Name(String),
    #[error(
        "{count} devices need {needed} descriptors and the hard limit is {limit}; raise it with ulimit -Hn or take fewer devices"
    )]
    Descriptors { count: u32, needed: u64, limit: u64 },
    #[error("{0}")]
    Protocol(String),
    #[error(transparent)]
    Speech(#[from] SpeechFault),
    #[error(
        "no reply to the login within {}s; is this the port of a listener with that protocol?",
        PATIENCE.as_secs()
    )]
    Unanswered,
    #[error("cannot start: {0}")]
    Start(io::Error),
    #[error("cannot write to the terminal: {0}")]
    Write(io::Error),
}

/// Plays, and says how it went: 0 done, 1 the gateway could not be reached or has not answered a
/// login, 2 bad usage. A protocol is looked for where `options` say that the configuration is.
pub fn run(args: &DeviceArgs, options: &Options) -> ExitCode {
    let result = speech::speech(args, options).and_then(|speech| play(args, speech.as_ref()));
    let Err(fault) = result else { return ExitCode::SUCCESS };
    match fault {
        DeviceFault::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        // With nobody to read it, the exit code still says it.
        ref fault => drop(writeln!(io::stderr().lock(), "tetherd: device: {fault}")),
    }
    let usage =
        matches!(fault, DeviceFault::Name(_) | DeviceFault::Protocol(_) | DeviceFault::Speech(_));
    ExitCode::from(if usage { 2 } else { 1 })
}

fn play(args: &DeviceArgs, speech: Option<&Arc<Speech>>) -> Result<(), DeviceFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(DeviceFault::Start)?;
    let stop = CancellationToken::new();
    let result = runtime.block_on(async {
        let played = async {
            let mut out = io::stdout().lock();
            match args.count {
                1 => play_one(args, speech, stop.clone(), &mut out).await,
                _ => play_fleet(args, speech, stop.clone(), &mut out).await,
            }
        };
        tokio::select! {
            result = played => result,
            result = second_signal(&stop) => result.map_err(DeviceFault::Start),
        }
    });
    // A lookup may still be under way on a thread of its own.
    runtime.shutdown_background();
    result
}

/// Stops at the first signal and returns at the second.
async fn second_signal(stop: &CancellationToken) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_cancelled() {
            break;
        }
        stop.cancel();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
