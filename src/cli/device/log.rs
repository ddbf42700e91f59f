use std::io::{self, Write};

use data_encoding::HEXLOWER;
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use crate::simulator::{
    DeviceEvent, FleetSnapshot, FleetSummary, PATIENCE, SentKind, Verdict, Why, escape,
};

/// Bytes of a message that are shown.
const SHOWN: usize = 512;

/// One line for each event.
pub(super) fn event(out: &mut impl Write, event: &DeviceEvent<'_>) -> io::Result<()> {
    let time = jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string();
    match event {
        DeviceEvent::LookedUp { host, addresses } => {
            let addresses: Vec<_> = addresses.iter().map(|it| it.ip().to_string()).collect();
            writeln!(out, "{time} looked up   {host}: {}", addresses.join(", "))?;
        }
        DeviceEvent::ConnectFailed { fault } => writeln!(out, "{time} failed      {fault}")?,
        DeviceEvent::Connected { stream } => {
            writeln!(out, "{time} connected   from {} to {}", stream.local(), stream.peer())?;
        }
        DeviceEvent::Sent { kind, bytes } => {
            let kind = match kind {
                SentKind::Registration => "registered ",
                SentKind::Heartbeat => "heartbeat  ",
                SentKind::Message | SentKind::Typed => "sent       ",
                SentKind::Answer => "answered   ",
                SentKind::LastWords => "last words ",
            };
            writeln!(out, "{time} {kind} {} B  {}", bytes.len(), escape(bytes, SHOWN))?;
        }
        DeviceEvent::Received { bytes } => {
            writeln!(out, "{time} received    {} B  {}", bytes.len(), escape(bytes, SHOWN))?;
        }
        DeviceEvent::Judged { verdict } => {
            if let Some(text) = judged(verdict) {
                writeln!(out, "{time} {text}")?;
            }
        }
        DeviceEvent::Idle => writeln!(out, "{time} timed out   nothing was read or written")?,
        DeviceEvent::PeerFinished => writeln!(out, "{time} end         the gateway finished")?,
        DeviceEvent::Closed { why } => writeln!(out, "{time} closed      {}", told(why))?,
        DeviceEvent::Waiting { pause } => {
            writeln!(out, "{time} waiting     {:.3} s before the next try", pause.as_secs_f64())?;
        }
    }
    out.flush()
}

/// A line about a reply, where there is something to say.
fn judged(verdict: &Verdict) -> Option<String> {
    let place = |login: bool| if login { " to the login" } else { "" };
    let hex = |bytes: &[u8]| HEXLOWER.encode(&bytes[..bytes.len().min(SHOWN)]);
    Some(match verdict {
        Verdict::Awaited { .. } => return None,
        Verdict::Right { login, bytes, tells_time: false } => {
            format!("reply ok    {bytes} B{}", place(*login))
        }
        Verdict::Right { login, bytes, tells_time: true } => {
            format!("reply ok    {bytes} B{}, with a time that was not compared", place(*login))
        }
        Verdict::Wrong { login, came, expected } => {
            let (came, expected) = (hex(came), hex(expected));
            format!("reply wrong{}: {came} came, {expected} is expected", place(*login))
        }
        Verdict::Missing { login, expected } => {
            let (seconds, expected) = (PATIENCE.as_secs(), hex(expected));
            format!("no reply   {} within {seconds}s: {expected} is expected", place(*login))
        }
        Verdict::Other(bytes) => format!("no reply    but {} B: {}", bytes.len(), hex(bytes)),
        Verdict::Unfit(bytes) => format!("not sent    {bytes} B make no frame of the protocol"),
    })
}

fn told(why: &Why) -> String {
    match why {
        Why::Done => "by the device, done".to_owned(),
        Why::Idle => "by the device, idle".to_owned(),
        Why::Stopped => "by the device, stopped".to_owned(),
        Why::Unanswered => "by the device, its login was not answered".to_owned(),
        Why::PeerFinished => "by the gateway".to_owned(),
        Why::Reset => "reset by the gateway".to_owned(),
        Why::TimedOut => "the gateway no longer answers".to_owned(),
        Why::Failed(error) => error.to_string(),
        Why::Unreachable(fault) => fault.to_string(),
    }
}

/// A fleet's sums.
pub(super) fn sums(out: &mut impl Write, summary: &FleetSummary, judges: bool) -> io::Result<()> {
    let counts = &summary.counts;
    let seconds = summary.took.as_secs_f64().max(0.001);
    let per_second = |bytes: u64| HumanBytes((bytes as f64 / seconds) as u64);
    writeln!(out, "devices     {}", HumanCount(summary.devices.len() as u64))?;
    writeln!(out, "connected   {} times", HumanCount(counts.connects))?;
    writeln!(out, "failed      {} tries", HumanCount(counts.failed_connects))?;
    writeln!(out, "registered  {} times", HumanCount(counts.registered))?;
    writeln!(
        out,
        "sent        {} messages, {} bytes, {}/s",
        HumanCount(counts.messages),
        HumanCount(counts.sent_bytes),
        per_second(counts.sent_bytes)
    )?;
    writeln!(
        out,
        "received    {} bytes, {}/s",
        HumanCount(counts.received_bytes),
        per_second(counts.received_bytes)
    )?;
    if judges {
        replies(out, counts)?;
    }
    writeln!(
        out,
        "closed      {} by the gateway, {} reset, {} by other errors",
        HumanCount(counts.closed_by_peer),
        HumanCount(counts.resets),
        HumanCount(counts.failed)
    )?;
    writeln!(out, "took        {}", HumanDuration(summary.took))?;
    out.flush()
}

fn replies(out: &mut impl Write, counts: &FleetSnapshot) -> io::Result<()> {
    writeln!(
        out,
        "logins      {} answered, {} unanswered",
        HumanCount(counts.logins_answered),
        HumanCount(counts.logins_unanswered)
    )?;
    writeln!(
        out,
        "replies     {} expected, {} ok, {} wrong, {} missing",
        HumanCount(counts.replies_expected),
        HumanCount(counts.replies_right),
        HumanCount(counts.replies_wrong),
        HumanCount(counts.replies_missing)
    )?;
    if counts.unfit > 0 {
        let unfit = HumanCount(counts.unfit);
        writeln!(out, "not sent    {unfit} messages, which make no frame of the protocol")?;
    }
    Ok(())
}
