use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use serde_json::Value;
use tetherd::{
    app::Gateway,
    config::{Options, load},
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
};

use crate::{
    harness::{Dtu, until, within},
    kernel,
    program::{Program, has},
};

/// Where the web server comes from; devices come from 127.0.0.1.
const WEB_SERVER: &str = "127.0.0.2";

/// A device, and what it says; it connects when it first speaks.
type Act = (char, Vec<u8>);

fn says(device: char, bytes: impl AsRef<[u8]>) -> Act {
    (device, bytes.as_ref().to_vec())
}

/// Registrations of all kinds, nameless bytes, binary data, and everybody again.
fn acts() -> Vec<Act> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let long: Vec<u8> = (0..8000).map(|at| (at % 251) as u8).collect();
    let mut acts = vec![
        says('n', "hello"),
        says('a', "ETUNG:860000000000001\n"),
        says('a', &every_byte),
        says('n', [0, 255, 10, 13]),
        // Exactly fifteen digits and nothing behind them: the last of them is dropped.
        says('b', "ETUNG:860000000000002"),
        says('b', [1, 3, 4, 0, 1, 0, 2]),
        says('k', "ETUNG:pump-7\n"),
        says('q', "ETUNG:with\"quote\\and\\backslash\n"),
        // Data may speak of registrations.
        says('a', "not ETUNG:860000000000009\n"),
        says('a', long),
    ];
    for (device, last) in ('c'..).zip(["\r", ";", "#", "\0", "x", "7", "\"", "é"]) {
        acts.push(says(device, format!("ETUNG:86000000000010{device}{last}")));
    }
    acts.push(says('z', b"ETUNG:860000000000003\xff"));
    // Whoever was nameless may still say who he is.
    acts.push(says('n', "ETUNG:860000000000004\n"));
    let everybody: std::collections::BTreeSet<char> =
        acts.iter().map(|(device, _)| *device).collect();
    acts.extend(everybody.into_iter().map(|device| says(device, format!("again {device}"))));
    acts
}

/// The web server of one gateway and the devices before it.
struct Stage {
    gateway: SocketAddr,
    web: TcpStream,
    arrived: Vec<u8>,
    devices: BTreeMap<char, Dtu>,
}

impl Stage {
    async fn set(gateway: &str) -> Self {
        let gateway = gateway.parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{WEB_SERVER}:0").parse().unwrap()).unwrap();
        let web = within(socket.connect(gateway)).await.unwrap();
        Self { gateway, web, arrived: Vec::new(), devices: BTreeMap::new() }
    }

    /// Writes, and waits until the web server has one object more.
    async fn perform(&mut self, (device, bytes): &Act) {
        if !self.devices.contains_key(device) {
            self.devices.insert(*device, Dtu::connect(&self.gateway.to_string()).await);
        }
        self.devices.get_mut(device).unwrap().write(bytes).await;
        let objects = self.objects().len();
        self.receive(objects + 1).await;
    }

    /// Waits until the web server has so many objects.
    async fn receive(&mut self, objects: usize) {
        while self.objects().len() < objects {
            let count = within(self.web.read_buf(&mut self.arrived)).await.unwrap();
            assert!(count > 0, "the web server was left alone");
        }
    }

    fn objects(&self) -> Vec<Value> {
        let objects = serde_json::Deserializer::from_slice(&self.arrived).into_iter();
        objects.map_while(Result::ok).collect()
    }

    /// Hundredths of a second until the gateway asks whether this device is still there.
    async fn keepalive_in(&self, device: char) -> u64 {
        let device = self.devices[&device].address();
        let due = || kernel::socket(self.gateway, device)?.keepalive_in;
        until("a keep-alive timer", || due().is_some()).await;
        due().unwrap()
    }
}

async fn classic(set: &[&str]) -> Gateway {
    let from = format!("upstream.web.from=[\"{WEB_SERVER}\"]");
    let own = ["listener.dtu.address=127.0.0.1:0", "drain.spread=0s", "admin.enabled=false", &from];
    let set = [&own[..], set].concat();
    let options = Options {
        search: Vec::new(),
        profile: Some("classic".to_owned()),
        set: set.into_iter().map(str::to_owned).collect(),
        ..Options::default()
    };
    let loaded = load(&options).unwrap_or_else(|faults| panic!("{faults}"));
    Gateway::builder(loaded).start().await.unwrap()
}

async fn node(arguments: &[&str]) -> (Program, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/node_gateway.js");
    let arguments = [&[script.to_str().unwrap(), WEB_SERVER], arguments].concat();
    let program = Program::start("node", &arguments);
    let address = program.address().await;
    (program, address)
}

/// Plays the same before both gateways and holds what their web servers got against each other.
async fn compare(acts: &[Act], theirs: &mut Stage, ours: &mut Stage) {
    for act in acts {
        theirs.perform(act).await;
        ours.perform(act).await;
        let (theirs, ours) = (&theirs.arrived, &ours.arrived);
        let (theirs, ours) = (String::from_utf8_lossy(theirs), String::from_utf8_lossy(ours));
        assert_eq!(theirs, ours, "behind {:?}", String::from_utf8_lossy(&act.1));
    }
}

#[actix_rt::test]
async fn a_the_web_server_gets_the_same_bytes_as_from_the_node_gateway() {
    if !has("node") {
        return;
    }
    let (_node, address) = node(&[]).await;
    let gateway = classic(&[]).await;
    let mut theirs = Stage::set(&address).await;
    let mut ours = Stage::set(gateway.listener_address("dtu").unwrap()).await;
    let acts = acts();
    compare(&acts, &mut theirs, &mut ours).await;
    assert_eq!(ours.objects().len(), acts.len());
    assert_eq!(ours.arrived, theirs.arrived);
    let connections = ours.devices.len() as u32;
    assert_eq!(gateway.snapshot().connections, connections, "the web server is not counted");
    for stage in [&theirs, &ours] {
        let due = stage.keepalive_in('a').await;
        assert!(due <= 1000, "asked after 10 s at the latest, not after {due}0 ms");
    }
    gateway.stop().await;
}

#[actix_rt::test]
async fn a_text_is_the_same_as_from_the_node_gateway_even_where_chunks_cut_characters() {
    if !has("node") {
        return;
    }
    let (_node, address) = node(&["utf8"]).await;
    let gateway = classic(&["upstream.web.encoding=text"]).await;
    let mut theirs = Stage::set(&address).await;
    let mut ours = Stage::set(gateway.listener_address("dtu").unwrap()).await;
    let cut = [
        says('w', "ETUNG:860000000000005\n"),
        says('w', b"W\xc3"),
        says('v', b"x\xe2\x82"),
        says('w', b"\xa4rme \xf0\x9f\x8c"),
        says('v', b"\xac"),
        says('w', b"\xa1"),
        says('w', b"broken \xc3"),
        says('w', b"off \xff\xfe \"\\\x08\x1f\x7f"),
    ];
    compare(&cut, &mut theirs, &mut ours).await;
    compare(&acts(), &mut theirs, &mut ours).await;
    gateway.stop().await;
}

/// On purpose unlike the script: nothing is lost without a web server, names are never glued to
/// data, and the count is true after every ending.
#[actix_rt::test]
async fn a_what_the_script_gets_wrong_is_right() {
    let gateway = classic(&[]).await;
    let address = gateway.listener_address("dtu").unwrap().to_owned();
    let mut first = Dtu::connect(&address).await;
    first.write(b"ETUNG:860000000000001glued").await;
    let mut second = Dtu::connect(&address).await;
    second.write(b"ETUNG:860000000000002\n").await;
    until("both are read", || gateway.names().len() == 2).await;
    let mut stage = Stage::set(&address).await;
    stage.receive(2).await;
    first.reset();
    until("it is gone", || gateway.snapshot().connections == 1).await;
    second.write(b"alone").await;
    stage.receive(3).await;
    let told: Vec<_> =
        stage.objects().iter().map(|it| (it["imei"].clone(), it["connections"].clone())).collect();
    assert_eq!(told[0].0, "860000000000001");
    assert_eq!(told[2], ("860000000000002".into(), 1.into()));
    gateway.stop().await;
}
