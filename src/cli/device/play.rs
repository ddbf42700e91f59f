use std::{
    io::{self, BufRead, Read, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{sync::mpsc, time};
use tokio_util::sync::CancellationToken;

use super::{DeviceArgs, DeviceFault, log};
use crate::{
    simulator::{
        Device, DeviceEvent, FleetCounters, FleetSnapshot, Outcome, Speech, Why, unescape,
    },
    units::Span,
};

/// Longest line that is taken from the terminal.
const TYPED: u64 = 1 << 20;
/// Descriptors that a fleet needs beside its connections.
const SPARE: u64 = 64;

/// One device, told line by line.
pub(super) async fn play_one(
    args: &DeviceArgs,
    speech: Option<&Arc<Speech>>,
    stop: CancellationToken,
    out: &mut impl Write,
) -> Result<(), DeviceFault> {
    let mut script = args.script();
    script.duration = args.duration.map(Span::get);
    let mut device = Device::new(script, args.registration())
        .seed(args.seed, 0)
        .source(args.source.first().copied());
    if let Some(speech) = speech {
        device = device.speech(speech.clone(), speech.name(&args.name(Some(speech)))?);
    }
    if args.interactive {
        let usual = if speech.is_some() { &b""[..] } else { b"\n" };
        let line_end = args.line_end.clone().unwrap_or(Bytes::from_static(usual));
        device = device.typed(type_lines(line_end));
    }
    let mut written = Ok(());
    let outcome = device
        .run(stop.clone(), |event| {
            // One that does not try again ends with this fault as its error line.
            let last = matches!(event, DeviceEvent::ConnectFailed { .. }) && !args.reconnect;
            if written.is_ok() && !last {
                written = log::event(out, &event);
            }
            if written.is_err() {
                stop.cancel();
            }
        })
        .await;
    written.map_err(DeviceFault::Write)?;
    match outcome.why {
        Why::Unreachable(fault) => Err(fault.into()),
        Why::Unanswered => Err(DeviceFault::Unanswered),
        _ => Ok(()),
    }
}

/// Reads lines on a thread of its own, since reading a terminal cannot be given up.
fn type_lines(line_end: Bytes) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut line = Vec::new();
        let mut input = io::stdin().lock();
        while input.by_ref().take(TYPED).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let known = std::str::from_utf8(text).ok().and_then(|text| unescape(text).ok());
            let mut message = known.unwrap_or_else(|| text.to_vec());
            message.extend_from_slice(&line_end);
            if sender.blocking_send(message.into()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// A fleet, with its sums at the end.
pub(super) async fn play_fleet(
    args: &DeviceArgs,
    speech: Option<&Arc<Speech>>,
    stop: CancellationToken,
    out: &mut impl Write,
) -> Result<(), DeviceFault> {
    let fleet = args.fleet(speech)?;
    raise_descriptors(args.count)?;
    let counters = Arc::new(FleetCounters::default());
    let bar = progress(args.count);
    let mut run = std::pin::pin!(fleet.run(counters.clone(), stop.clone()));
    let mut end = std::pin::pin!(async {
        match args.duration {
            Some(duration) => time::sleep(duration.get()).await,
            None => std::future::pending().await,
        }
    });
    let mut tick = time::interval(Duration::from_millis(100));
    let summary = loop {
        tokio::select! {
            summary = &mut run => break summary,
            () = &mut end, if !stop.is_cancelled() => stop.cancel(),
            _ = tick.tick() => show(&bar, &counters.snapshot()),
        }
    };
    bar.finish_and_clear();
    let summary = summary?;
    log::sums(out, &summary, speech.is_some()).map_err(DeviceFault::Write)?;
    judge(&summary.devices)
}

/// Bars are drawn to the standard error stream, and only where that is a terminal.
fn progress(count: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} connected  {msg}");
    ProgressBar::new(count.into())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, counts: &FleetSnapshot) {
    bar.set_position(counts.connected);
    let messages = HumanCount(counts.messages);
    let received = HumanBytes(counts.received_bytes);
    bar.set_message(format!("{messages} messages, {received} received"));
}

/// A fleet is well if each of its devices has reached the gateway in the end.
fn judge(devices: &[Outcome]) -> Result<(), DeviceFault> {
    let mut faults = devices.iter().filter_map(|device| match &device.why {
        Why::Unreachable(fault) => Some(fault.to_string()),
        _ => None,
    });
    let Some(first) = faults.next() else { return Ok(()) };
    Err(DeviceFault::Fleet { unreachable: 1 + faults.count(), count: devices.len(), first })
}

/// Raises the limit of open files as far as this fleet needs and may.
pub(super) fn raise_descriptors(count: u32) -> Result<(), DeviceFault> {
    let needed = u64::from(count) + SPARE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let fault = |limit| DeviceFault::Descriptors { count, needed, limit };
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        return Err(fault(most));
    }
    let raised = Rlimit { current: limit.maximum.or(Some(needed)), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|_| fault(limit.current.unwrap_or(0)))
}
