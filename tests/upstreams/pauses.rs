//! Commands while the spool is full: their answers are read all the same, and what comes with them
//! keeps its order and its bounds.

use serde_json::Value;
use tetherd::{
    app::Gateway,
    model::{CloseReason, CommandState},
    telemetry::Telemetry,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, tcp::OwnedWriteHalf},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::{
    hand::{listener, online, settled, web},
    harness::{Dtu, start, until, within},
};

const NAME: &str = "860000000000001";

/// Bytes that a session is read in one pause while an answer is awaited.
const MOST: usize = 256 << 10;

/// A gateway with a small spool, full of what a device says that never stops, and a web server that
/// has read it all and acknowledges nothing yet.
struct Scene {
    gateway: Gateway,
    telemetry: Telemetry,
    /// To the gateway, and what it has told so far.
    server: OwnedWriteHalf,
    lines: UnboundedReceiver<Value>,
    told: Vec<Value>,
    flood: Dtu,
    _listener: TcpListener,
}

impl Scene {
    /// The gateway, and this device at it before the spool is full.
    async fn with_device(keys: &str) -> (Self, Dtu) {
        let mut scene = Self::empty(keys).await;
        let device = online(&scene.gateway, NAME).await;
        scene.fill().await;
        (scene, device)
    }

    async fn empty(keys: &str) -> Self {
        let listener = listener().await;
        let upstream = web(listener.local_addr().unwrap(), "");
        let toml = format!(
            "[spool]\ntype = 'memory'\nmax_size = '4MiB'\n[drain]\nspread = '0s'\nflush = '100ms'\n\
             [admin]\nenabled = false\n\
             [listener.dtu]\naddress = '127.0.0.1:0'\n{keys}\n{upstream}"
        );
        let (gateway, telemetry, _) = start(&toml, |builder| builder).await;
        let (read, server) = within(listener.accept()).await.unwrap().0.into_split();
        let (tell, lines) = unbounded_channel();
        actix_rt::spawn(async move {
            let mut read = BufReader::new(read).lines();
            while let Ok(Some(line)) = read.next_line().await {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        let flood = online(&gateway, "flood").await;
        let told = Vec::new();
        Self { gateway, telemetry, server, lines, told, flood, _listener: listener }
    }

    /// Lets the device talk until nobody is read any more.
    async fn fill(&mut self) {
        let (chunk, counts) = (vec![b'x'; 60_000], self.telemetry.counts());
        loop {
            tokio::select! {
                biased;
                () = until("a pause", || counts.spool_pauses.get() == 1) => break,
                _ = self.flood.stream.write_all(&chunk) => {}
            }
        }
    }

    async fn say(&mut self, line: &str) {
        within(self.server.write_all(format!("{line}\n").as_bytes())).await.unwrap();
    }

    async fn command(&mut self, id: &str, more: &str) {
        let line = format!(r#"{{"command":"{id}","imei":"{NAME}","data":"AQM="{more}}}"#);
        self.say(&line).await;
    }

    /// Waits until this was told of a command.
    async fn state(&mut self, id: &str, state: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["id"] == id && line["state"] == state {
                return line;
            }
        }
    }

    async fn line(&mut self) -> Value {
        let line = within(self.lines.recv()).await.unwrap();
        self.told.push(line.clone());
        line
    }

    /// What the device has said, as far as it was told, in one piece.
    fn data(&self) -> Vec<u8> {
        let own = self.told.iter().filter(|line| line["imei"] == NAME && line["event"] == "data");
        let decoded = own.map(|line| line["data"].as_str().unwrap().as_bytes());
        decoded.flat_map(|text| data_encoding::BASE64.decode(text).unwrap()).collect()
    }

    fn reached(&self, state: CommandState) -> u64 {
        self.telemetry.counts().commands.get(state)
    }

    /// The web server acknowledges all that it was told, and goes on doing so.
    async fn make_room(&mut self) {
        let last = self.told.last().unwrap()["offset"].as_u64().unwrap();
        self.say(&format!("{{\"ack\":{last}}}")).await;
    }

    /// Reads and acknowledges until the device has said this.
    async fn hears(&mut self, wanted: &[u8]) {
        self.make_room().await;
        while self.data() != wanted {
            self.line().await;
            self.make_room().await;
        }
    }

    async fn stop(self) {
        within(self.gateway.stop()).await;
    }
}

#[actix_rt::test]
async fn an_answer_is_read_while_the_spool_is_full_and_what_came_before_is_none() {
    let (mut scene, mut device) = Scene::with_device("").await;
    device.write(b"before").await;
    scene.command("c-1", r#","answer":"frame""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    device.write(b"answer").await;
    let answered = scene.state("c-1", "answered").await;
    assert_eq!(answered["data"], "YW5zd2Vy");
    assert_eq!(scene.data(), b"beforeanswer");
    assert_eq!(scene.telemetry.counts().spool_pauses.get(), 1);
    // Nothing was acknowledged yet; what it says now waits, and comes behind.
    device.write(b"more").await;
    scene.hears(b"beforeanswermore").await;
    scene.stop().await;
}

#[actix_rt::test]
async fn each_device_is_read_so_much_in_a_pause_and_no_more_whatever_it_says() {
    let (mut scene, mut device) = Scene::with_device("").await;
    scene.command("c-1", r#","answer":{"match":"^OK"}"#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    let said = vec![b'y'; 8 << 20];
    let talking = actix_rt::spawn(async move {
        let _ = device.stream.write_all(&said).await;
        device
    });
    while scene.data().len() < MOST {
        scene.line().await;
    }
    // Others have their turns meanwhile, and are asked and answer.
    let mut other = online(&scene.gateway, "other").await;
    scene.say(r#"{"command":"c-2","imei":"other","data":"AQM=","answer":"frame"}"#).await;
    assert_eq!(other.read(2).await, [1, 3]);
    scene.state("c-2", "acknowledged").await;
    other.write(b"here").await;
    scene.state("c-2", "answered").await;
    assert_eq!(scene.data().len(), MOST);
    assert_eq!(
        (scene.reached(CommandState::Answered), scene.reached(CommandState::Failed)),
        (1, 0)
    );
    talking.abort();
    scene.stop().await;
}

#[actix_rt::test]
async fn the_time_for_an_answer_stands_still_while_the_spool_is_full() {
    let keys = "registration_timeout = '600ms'";
    let (mut scene, mut device) = Scene::with_device(keys).await;
    scene.command("c-1", r#","answer":"frame","timeout":"200ms""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    // Somebody who never says who it is shows how the time goes by.
    let mut silent = Dtu::connect(scene.gateway.listener_address("dtu").unwrap()).await;
    silent.ended().await;
    let counts = scene.telemetry.counts();
    until("it is counted", || counts.ended.get(CloseReason::RegistrationTimeout) >= 1).await;
    assert_eq!(scene.reached(CommandState::Failed), 0);
    scene.make_room().await;
    loop {
        let line = scene.line().await;
        // What the flood still says would fill the spool again.
        scene.make_room().await;
        if line["state"] == "failed" {
            assert_eq!(line["reason"], "no_answer");
            break;
        }
    }
    scene.stop().await;
}

#[actix_rt::test]
async fn an_answer_that_only_a_silence_ends_is_read_while_the_spool_is_full() {
    let (mut scene, mut device) = Scene::with_device("registration = 'every'").await;
    scene.command("c-1", r#","answer":"frame""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    device.write(format!("ETUNG:{NAME}E").as_bytes()).await;
    let answered = scene.state("c-1", "answered").await;
    assert_eq!(answered["data"], "RQ==");
    scene.stop().await;
}

#[actix_rt::test]
async fn what_stood_behind_a_registration_is_told_before_the_answer() {
    let mut scene = Scene::empty("").await;
    scene.fill().await;
    scene.command("c-1", r#","answer":"frame""#).await;
    scene.state("c-1", "queued").await;
    let mut device = Dtu::connect(scene.gateway.listener_address("dtu").unwrap()).await;
    device.write(format!("ETUNG:{NAME}\r\nglued").as_bytes()).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    device.write(b"answer").await;
    scene.state("c-1", "answered").await;
    assert_eq!(scene.data(), b"gluedanswer");
    scene.stop().await;
}

#[actix_rt::test]
async fn a_device_that_hangs_up_instead_of_answering_is_noticed_while_the_spool_is_full() {
    let (mut scene, mut device) = Scene::with_device("").await;
    scene.command("c-1", r#","answer":"frame""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    scene.state("c-1", "acknowledged").await;
    device.finish().await;
    assert_eq!(scene.state("c-1", "failed").await["reason"], "uncertain");
    scene.make_room().await;
    settled_by(&mut scene).await;
    scene.stop().await;
}

/// Reads and acknowledges until nothing waits any more.
async fn settled_by(scene: &mut Scene) {
    while scene.gateway.ledger("web").unwrap().waiting > 0 {
        scene.make_room().await;
        tokio::select! {
            biased;
            line = scene.lines.recv() => scene.told.push(line.unwrap()),
            () = settled(&scene.gateway, "web") => return,
        }
    }
}
