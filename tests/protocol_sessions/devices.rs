//! Simulated devices of every built-in protocol at the gateway, as `tetherd device --protocol` plays
//! them: they log in, send reports and signs of life, and get every reply that their file promises.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use actix_rt::task::JoinHandle;
use bytes::Bytes;
use data_encoding::BASE64;
use regex::Regex;
use serde_json::{Value, json};
use tetherd::{
    model::{Name, UnixMillis},
    protocol::{BUILT_IN, Checked, Engine, Given, Piece, Protocol, Replies, Terms, ambiguities},
    simulator::{Device, DeviceEvent, Outcome, Script, SentKind, Speech, Verdict},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    frames::IMEI,
    harness::{LIMIT, Rig, until},
    site::rig,
};

/// What web servers are told of a device that logs in, sends two reports and then lives on: what
/// each frame is and its type, `+` where it is answered. Behind it the same of two messages that
/// carry what whoever plays the device has to say; a dash where no frame does.
const TOLD: [(&str, &str, &str); 24] = [
    ("castel", "login 4097 +, data 16385, data 16385, heartbeat 4099 +", "-"),
    ("dlt645", "answer 145, answer 145", "-"),
    ("etung", "data, data", "data, data"),
    ("etung_classic", "data, data", "data, data"),
    ("galileo", "data 1 +, data 1 +, data 1 +", "data 1 +, data 1 +, data 1 +"),
    ("gl200", "data FRI, data FRI, heartbeat HBD +", "data DTT, data DTT, heartbeat HBD +"),
    (
        "gps103",
        "login A +, data tracker, data tracker, heartbeat +",
        "login A +, data on 1, data on 2, heartbeat +",
    ),
    (
        "gt06",
        "login 1 +, data 18 +, data 18 +, heartbeat 19 +",
        "login 1 +, data 155, data 155, heartbeat 19 +",
    ),
    ("h02", "data V1 +, data V1 +, heartbeat HTBT +", "data on 1, data on 2, heartbeat HTBT +"),
    ("inhand", "data, data", "data, data"),
    (
        "jt808",
        "login 256 +, data 258 +, data 512 +, data 512 +, heartbeat 2 +",
        "login 256 +, data 258 +, data 2304 +, data 2304 +, heartbeat 2 +",
    ),
    ("line", "data, data", "data, data"),
    ("meitrack", "data AAA, data AAA, heartbeat AAC +", "data, data, heartbeat AAC +"),
    ("modbus-rtu", "answer 3, answer 3", "answer 3, answer 3"),
    ("modbus-tcp", "answer 3, answer 3", "answer 3, answer 3"),
    ("q376", "login 2 +, data 12 +, data 12 +, heartbeat 2 +", "-"),
    ("raw", "data, data", "data, data"),
    ("ruptela", "data 1 +, data 1 +, heartbeat 16 +", "data 111, data 111, heartbeat 16 +"),
    (
        "suntech",
        "data ST300STT, data ST300STT, heartbeat ST300ALV",
        "data ST300UEX, data ST300UEX, heartbeat ST300ALV",
    ),
    ("t55", "login PGID, data GPRMC, data GPRMC", "login PGID, data GPTXT, data GPTXT"),
    (
        "teltonika",
        "login +, data 8 +, data 8 +, heartbeat",
        "login +, data 142 +, data 142 +, heartbeat",
    ),
    (
        "tk103",
        "login BP05 +, data BR00, data BR00, heartbeat BP00 +",
        "login BP05 +, data, data, heartbeat BP00 +",
    ),
    (
        "watch",
        "login INIT +, data UD, data UD, heartbeat LK +",
        "login INIT +, data on 1, data on 2, heartbeat LK +",
    ),
    (
        "wialon",
        "login L +, data SD +, data SD +, heartbeat P +",
        "login L +, data M +, data M +, heartbeat P +",
    ),
];

/// Presets of which the first bytes say at one port which of them a device speaks. What fits none of
/// the others is `raw`.
const AT_ONE_PORT: [&str; 11] = [
    "castel",
    "dlt645",
    "etung",
    "galileo",
    "gl200",
    "gt06",
    "inhand",
    "jt808",
    "teltonika",
    "watch",
    "raw",
];

/// Whether a packet in front of the data says who the device is.
fn registers(protocol: &Protocol) -> bool {
    !protocol.names_by_address() && !protocol.names_by_frames()
}

fn built_in(name: &str) -> &'static str {
    BUILT_IN.iter().find(|(known, _)| *known == name).unwrap().1
}

/// How devices of this preset speak, who live signs of life often.
fn speech(preset: &str, carrying: bool) -> Option<Speech> {
    let every = Regex::new("(?m)^every = .*$").unwrap();
    let text = every.replace(built_in(preset), "every = '20ms'");
    Speech::new(Protocol::parse(preset, &text).unwrap(), carrying).ok()
}

/// What happened to a device.
#[derive(Debug)]
enum Told {
    Connected(String),
    Sent(SentKind, Vec<u8>),
    Judged(Verdict),
}

/// A device that is played.
struct Played {
    protocol: Protocol,
    /// What web servers call it, once that is known.
    name: Option<Name>,
    told: Rc<RefCell<Vec<Told>>>,
    typed: mpsc::Sender<Bytes>,
    stop: CancellationToken,
    run: JoinHandle<Outcome>,
}

impl Played {
    /// The device with this number, counted from 0.
    fn start(rig: &Rig, preset: &str, speech: Speech, number: u64) -> Self {
        let address = rig.gateway.listener_address("dtu").unwrap().parse().unwrap();
        let first = speech.first_name().unwrap_or(IMEI);
        let digits = first.len();
        let number = first.parse::<u64>().unwrap() + number;
        let name = speech.name(&format!("{number:0digits$}")).unwrap();
        let (typed, receiver) = mpsc::channel(4);
        let device = Device::new(Script::new(address), None)
            .speech(Arc::new(speech), name.clone())
            .typed(receiver);
        let (told, stop) = (Rc::<RefCell<Vec<_>>>::default(), CancellationToken::new());
        let (to, token) = (Rc::clone(&told), stop.clone());
        let run = actix_rt::spawn(async move {
            device
                .run(token, |event| {
                    to.borrow_mut().extend(match event {
                        DeviceEvent::Connected { stream } => Some(Told::Connected(stream.local())),
                        DeviceEvent::Sent { kind, bytes } => Some(Told::Sent(kind, bytes.to_vec())),
                        DeviceEvent::Judged { verdict } => Some(Told::Judged(verdict.clone())),
                        _ => None,
                    });
                })
                .await
        });
        let protocol = Protocol::parse(preset, built_in(preset)).unwrap();
        let name = (!protocol.names_by_address()).then_some(name);
        Self { protocol, name, told, typed, stop, run }
    }

    fn count(&self, of: impl Fn(&Told) -> bool) -> usize {
        self.told.borrow().iter().filter(|told| of(told)).count()
    }

    /// How many events its web server gets for what it has sent.
    fn events(&self) -> usize {
        let registers = registers(&self.protocol);
        self.count(|told| match told {
            Told::Sent(kind, _) => *kind != SentKind::Registration || !registers,
            Told::Connected(_) | Told::Judged(_) => false,
        })
    }

    /// Sends two messages one after the other and waits for a sign of life, where it has one, and
    /// for every reply.
    async fn play(&mut self, rig: &Rig) {
        until("it is connected", || self.count(|_| true) > 0).await;
        if let Some(Told::Connected(local)) = self.told.borrow().first() {
            self.name.get_or_insert_with(|| Name::new(local.as_bytes()).unwrap());
        }
        let name = self.name().to_owned();
        if registers(&self.protocol) {
            rig.sees(|report| report.name(&name).online).await;
        }
        for message in 1..=2 {
            self.typed.send(format!("on {message}").into()).await.unwrap();
            let messages = |told: &Told| matches!(told, Told::Sent(SentKind::Typed, _));
            until("it is sent", || self.count(messages) == message).await;
            let all = self.events() as u64;
            rig.sees(|report| report.name(&name).messages >= all).await;
        }
        let beats = self.protocol.device().unwrap().heartbeat_every().is_some();
        let beat = |told: &Told| matches!(told, Told::Sent(SentKind::Heartbeat, _));
        until("a sign of life", || !beats || self.count(beat) > 0).await;
        let awaited = |told: &Told| matches!(told, Told::Judged(Verdict::Awaited { .. }));
        let right = |told: &Told| matches!(told, Told::Judged(Verdict::Right { .. }));
        until("every reply", || self.count(awaited) == self.count(right)).await;
    }

    fn name(&self) -> &str {
        self.name.as_ref().unwrap().as_str()
    }

    /// Ends it and waits for the web server to know; answers all that it had to tell.
    async fn end(self, rig: &Rig) -> (String, Protocol, Vec<Told>) {
        self.stop.cancel();
        tokio::time::timeout(LIMIT, self.run).await.unwrap().unwrap();
        let name = self.name.unwrap().as_str().to_owned();
        let gone = |line: &Value| line["event"] == "offline" && line["imei"] == *name;
        until("its offline", || rig.lines().iter().any(gone)).await;
        (name, self.protocol, self.told.take())
    }
}

/// A frame as its web server should get it.
struct Expected {
    event: Value,
    /// What it is, its type, and whether it is answered.
    short: String,
    answered: bool,
}

/// What a gateway makes of `sent`, by the protocol file alone.
fn expected(protocol: &Protocol, name: &str, sent: &[u8]) -> Expected {
    let Some(vocabulary) = protocol.vocabulary() else {
        let event = json!({ "data": BASE64.encode(sent) });
        return Expected { event, short: "data".to_owned(), answered: false };
    };
    for named in [false, true] {
        let terms = Terms { named, max_frame: 65_536 };
        let (mut engine, mut rest) = (Engine::default(), sent);
        if let Piece::Frame(frame) = engine.feed(vocabulary, terms, &mut rest) {
            return of_frame(&frame, name);
        }
        if let Piece::Frame(frame) = engine.pause(vocabulary, terms) {
            return of_frame(&frame, name);
        }
    }
    panic!("{}: no frame {sent:02x?}", protocol.name());
}

fn of_frame(frame: &tetherd::protocol::Frame<'_>, name: &str) -> Expected {
    assert_ne!(frame.check(), Checked::Bad);
    let mut meaning = b"{\"data\":\"\"".to_vec();
    frame.meaning(frame.is(), frame.check(), &mut meaning);
    meaning.push(b'}');
    let mut event: Value = serde_json::from_slice(&meaning).unwrap();
    event["data"] = BASE64.encode(frame.bytes).into();
    let name = Name::new(name.as_bytes()).unwrap();
    let given = Given { name: Some(&name), now: UnixMillis::now(), accepted: true };
    let mut replies = Replies::default();
    frame.replies(&given, &mut replies);
    let answered = !replies.as_bytes().is_empty();
    let kind = match &event["type"] {
        Value::Null => String::new(),
        Value::String(text) => format!(" {text}"),
        number => format!(" {number}"),
    };
    let short = format!("{}{kind}{}", frame.is().as_str(), if answered { " +" } else { "" });
    Expected { event, short, answered }
}

/// Holds what a device has sent and heard against what its web server has got; answers it in short.
fn judge(rig: &Rig, (name, protocol, told): (String, Protocol, Vec<Told>)) -> String {
    let (mut frames, mut right) = (Vec::new(), 0);
    for told in told {
        match told {
            Told::Sent(SentKind::Registration, _) if registers(&protocol) => {}
            Told::Sent(_, bytes) => frames.push(expected(&protocol, &name, &bytes)),
            Told::Judged(Verdict::Right { .. }) => right += 1,
            Told::Judged(Verdict::Awaited { .. }) | Told::Connected(_) => {}
            Told::Judged(other) => panic!("{}: {other:?}", protocol.name()),
        }
    }
    assert_eq!(right, frames.iter().filter(|frame| frame.answered).count());
    let own = |line: &&Value| line["imei"] == *name;
    let lines: Vec<Value> = rig.lines().iter().filter(own).cloned().collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let whole = kinds.len() == frames.len() + 2
        && (kinds.first(), kinds.last()) == (Some(&"online"), Some(&"offline"));
    assert!(whole, "{}: {kinds:?}", protocol.name());
    for (line, frame) in lines[1..].iter().zip(&frames) {
        assert_eq!(line["event"], "data");
        for key in ["data", "type", "seq_device", "is", "check", "fields"] {
            assert_eq!(line[key], frame.event[key], "{}, {key}: {line}", protocol.name());
        }
    }
    // Signs of life come when it is time for them, and as often as there is time.
    let is_beat = |told: &&str| told.starts_with("heartbeat");
    let (mut beats, mut short): (Vec<&str>, Vec<&str>) =
        frames.iter().map(|frame| &*frame.short).partition(is_beat);
    beats.dedup();
    short.extend(beats);
    short.join(", ")
}

/// Plays one device of `preset` at a gateway of its own.
async fn alone(preset: &str, carrying: bool) -> String {
    let Some(speech) = speech(preset, carrying) else {
        return "-".to_owned();
    };
    let rig = rig(&format!("protocol = '{preset}'"), &[], |builder| builder).await;
    let mut device = Played::start(&rig, preset, speech, 0);
    device.play(&rig).await;
    let ended = device.end(&rig).await;
    let told = judge(&rig, ended);
    rig.stop().await;
    told
}

#[actix_rt::test]
async fn a_device_of_every_preset_logs_in_and_gets_what_its_file_promises() {
    assert_eq!(TOLD.map(|row| row.0).as_slice(), sorted(BUILT_IN.iter().map(|(name, _)| *name)));
    for (preset, reports, carrying) in TOLD {
        assert_eq!(alone(preset, false).await, reports, "{preset}");
        assert_eq!(alone(preset, true).await, carrying, "{preset}");
    }
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut all: Vec<_> = names.collect();
    all.sort_unstable();
    all
}

#[test]
fn the_presets_at_one_port_are_all_whose_first_bytes_differ() {
    let parsed = |name: &str| Protocol::parse(name, built_in(name)).unwrap();
    let mut chosen: Vec<Protocol> = Vec::new();
    for name in sorted(BUILT_IN.iter().map(|(name, _)| *name)) {
        chosen.push(parsed(name));
        if name == "raw" || !ambiguities(&chosen).is_empty() {
            chosen.pop();
        }
    }
    chosen.push(parsed("raw"));
    let found: Vec<_> = chosen.iter().map(Protocol::name).collect();
    assert_eq!(found, AT_ONE_PORT);
}

#[actix_rt::test]
async fn devices_of_many_presets_share_a_port_and_each_is_understood() {
    let rig = rig(&format!("protocol = {AT_ONE_PORT:?}"), &[], |builder| builder).await;
    let rig = Rc::new(rig);
    let mut playing = Vec::new();
    for (number, preset) in (0..).zip(AT_ONE_PORT) {
        let mut device = Played::start(&rig, preset, speech(preset, false).unwrap(), number);
        let rig = Rc::clone(&rig);
        playing.push(actix_rt::spawn(async move {
            device.play(&rig).await;
            device
        }));
    }
    let mut played = Vec::new();
    for device in playing {
        played.push(device.await.unwrap());
    }
    assert_eq!(rig.gateway.names().len(), AT_ONE_PORT.len(), "all are online");
    for device in played {
        let preset = device.protocol.name().to_owned();
        let told = judge(&rig, device.end(&rig).await);
        let (_, reports, _) = TOLD.into_iter().find(|row| row.0 == preset).unwrap();
        assert_eq!(told, reports, "{preset}");
    }
    Rc::into_inner(rig).unwrap().stop().await;
}
