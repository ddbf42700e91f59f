//! The checks, one after the other.

use std::io::{self, Write};

use super::{
    gateway::{Gateway, Trouble},
    report::Report,
};
use crate::spool::DropReason;

/// Something that a web server must cope with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    EveryKind,
    Many,
    Pieces,
    Long,
    Unknown,
    Half,
    Repeats,
    Jump,
    Restart,
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::EveryKind,
        Self::Many,
        Self::Pieces,
        Self::Long,
        Self::Unknown,
        Self::Half,
        Self::Repeats,
        Self::Jump,
        Self::Restart,
    ];

    /// What the web server is seen to do, and what to do where it does not.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::EveryKind => (
                "acknowledges every kind of event",
                "answer each line that has an \"offset\", whatever its \"event\", with {\"ack\":<offset>} and a line feed, once it is stored",
            ),
            Self::Many => (
                "takes many lines that come at once",
                "one read may bring many lines: go through all of them, and acknowledge at least the last",
            ),
            Self::Pieces => (
                "takes lines that come in pieces",
                "one read may bring a part of a line: keep it until its line feed has come",
            ),
            Self::Long => (
                "takes a line of 88 kB",
                "make room for long lines: with max_frame = \"64KiB\" a line has up to 90 kB, more where frames may be longer",
            ),
            Self::Unknown => (
                "survives keys, events and error lines that it does not know",
                "pass over what you do not know, and acknowledge every line that has an \"offset\" all the same",
            ),
            Self::Half => (
                "starts afresh after a line that broke off",
                "throw half a line away when its connection ends: it comes again, whole, on the next one",
            ),
            Self::Repeats => (
                "acknowledges what is repeated again",
                "an offset up to the last one stored is no news: do not store it again, but acknowledge it, or it is repeated for ever",
            ),
            Self::Jump => (
                "follows offsets that jump",
                "offsets rise, but not always by one: compare with \"greater\", and take a \"gap\" as an event like others",
            ),
            Self::Restart => (
                "survives a gateway that was killed and started again",
                "take \"started\" as the end of all sessions before it; \"online\" may come for a device that never went offline",
            ),
        }
    }

    async fn play(self, gateway: &mut Gateway) -> Result<(), Trouble> {
        let script = &mut gateway.script;
        match self {
            Self::EveryKind => {
                script.started(true);
                script.online(0);
                script.data(0);
                script.idle(0);
                script.offline(0);
            }
            Self::Many => {
                (0..3).for_each(|device| script.online(device));
                (0..36).for_each(|number| script.data(number % 3));
            }
            Self::Pieces => {
                script.online(3);
                (0..3).for_each(|_| script.data(3));
                return gateway.deliver_in_pieces().await;
            }
            Self::Long => script.data_of(0, 64 << 10),
            Self::Unknown => {
                script.data(0);
                script.add_unknown_key();
                script.unknown_event();
                gateway.interject("{\"error\":\"a test\",\"line\":\"nothing is wrong\"}\n");
            }
            Self::Half => {
                (0..5).for_each(|number| script.data(number % 3));
                gateway.deliver_but_half().await?;
                gateway.connect().await?;
            }
            Self::Repeats => {
                gateway.hang_up();
                gateway.connect().await?;
                gateway.step_back(4);
            }
            Self::Jump => {
                script.gap(1 << 20, 0, DropReason::Restart);
                script.data(1);
                script.gap(8, 8, DropReason::SpoolFull);
                (0..3).for_each(|number| script.data(number));
            }
            Self::Restart => {
                (0..3).for_each(|number| script.data(number));
                gateway.hang_up();
                let script = &mut gateway.script;
                script.started(false);
                (0..3).for_each(|device| script.online(device));
                (0..6).for_each(|number| script.data(number % 3));
                (0..3).for_each(|device| script.offline(device));
                gateway.connect().await?;
            }
        }
        gateway.deliver().await
    }
}

/// Goes through all checks and reports each.
pub(super) async fn play(gateway: &mut Gateway, report: &mut Report<impl Write>) -> io::Result<()> {
    if !reach(gateway, report).await? {
        return Ok(());
    }
    for stage in Stage::ALL {
        let (what, fix) = stage.words();
        let Err(trouble) = stage.play(gateway).await else {
            report.passed(what)?;
            continue;
        };
        report.failed(what, &trouble, fix)?;
        if stage == Stage::EveryKind {
            report.note("Without acknowledgements nothing else can be checked.")?;
            break;
        }
        gateway.hang_up();
        if !matches!(trouble, Trouble::TooEarly { .. }) {
            gateway.give_up();
        }
        if !reconnect(gateway, report).await? {
            break;
        }
    }
    sum_up(gateway, report)
}

async fn reach(gateway: &mut Gateway, report: &mut Report<impl Write>) -> io::Result<bool> {
    let what = "can be reached";
    match gateway.connect().await {
        Ok(()) => report.passed(what).map(|()| true),
        Err(trouble) => {
            let fix = "start it first, and look at address, firewall and token";
            report.failed(what, &trouble, fix).map(|()| false)
        }
    }
}

async fn reconnect(gateway: &mut Gateway, report: &mut Report<impl Write>) -> io::Result<bool> {
    let Err(trouble) = gateway.connect().await else { return Ok(true) };
    let fix = "one bad connection must not end the web server: go on accepting, or connect again";
    report.failed("can be reached after a connection broke", &trouble, fix)?;
    Ok(false)
}

fn sum_up(gateway: &Gateway, report: &mut Report<impl Write>) -> io::Result<()> {
    let what = "never acknowledges what it cannot have";
    let fix =
        "acknowledge the offset of the last whole line that you have stored, and nothing else";
    match gateway.too_early() {
        None => report.passed(what)?,
        Some(trouble) => report.failed(what, trouble, fix)?,
    }
    let what = "says only what a gateway understands";
    let fix = "write one JSON object a line, such as {\"ack\":1763625600000018}, and nothing else";
    match gateway.strange() {
        None => report.passed(what),
        Some(complaint) => {
            let why = format!("{}: {}", complaint.why, complaint.line.escape_debug());
            report.failed(what, &why, fix)
        }
    }
}
