//! A web server by hand, line by line, and gateways in front of it.

use std::{fmt::Display, io, time::Duration};

use serde_json::Value;
use tetherd::{app::Gateway, telemetry::Telemetry};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::harness::{Dtu, start, until, within};

/// Quick tries.
pub const QUICK: &str = "retry = { initial = '10ms', max = '40ms' }";

/// A gateway with a listener `dtu` and these upstreams.
pub async fn gateway(upstreams: &str) -> (Gateway, Telemetry) {
    gateway_with("", upstreams).await
}

/// The same with more at the top.
pub async fn gateway_with(top: &str, upstreams: &str) -> (Gateway, Telemetry) {
    gateway_for("100ms", top, upstreams).await
}

/// The same with so much time for what is left at a stop.
pub async fn gateway_for(flush: &str, top: &str, upstreams: &str) -> (Gateway, Telemetry) {
    let toml = toml(flush, top, upstreams);
    let (gateway, telemetry, _) = start(&toml, |builder| builder).await;
    (gateway, telemetry)
}

/// The text for it.
pub fn toml(flush: &str, top: &str, upstreams: &str) -> String {
    format!(
        "{top}\n[drain]\nspread = '0s'\nflush = '{flush}'\n[listener.dtu]\n\
         address = '127.0.0.1:0'\n{upstreams}\n"
    )
}

/// An upstream `web` with these keys.
pub fn web(address: impl Display, keys: &str) -> String {
    format!("[upstream.web]\naddress = '{address}'\n{QUICK}\n{keys}\n")
}

/// A device that the gateway knows by this name.
pub async fn online(gateway: &Gateway, name: &str) -> Dtu {
    let mut device = Dtu::connect(gateway.listener_address("dtu").unwrap()).await;
    device.write(format!("ETUNG:{name}\r\n").as_bytes()).await;
    until("the device is known", || gateway.names().iter().any(|known| known == name)).await;
    device
}

/// Sends `count` messages, each an event of its own.
pub async fn chat(gateway: &Gateway, device: &mut Dtu, count: u64, message: &[u8]) {
    for _ in 0..count {
        let next = gateway.snapshot().next;
        device.write(message).await;
        until("it has an offset", || gateway.snapshot().next > next).await;
    }
}

/// Waits until the upstream has everything.
pub async fn settled(gateway: &Gateway, upstream: &str) {
    until("everything is delivered", || {
        let ledger = gateway.ledger(upstream).unwrap();
        assert!(ledger.balances(), "{ledger:?}");
        ledger.waiting == 0
    })
    .await;
}

pub trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// One link, from the web server's side.
pub struct Hand {
    stream: BufReader<Box<dyn Wire>>,
    /// `next` of the `hello`, once it was read.
    pub next: u64,
}

impl Hand {
    pub fn new(stream: impl Wire + 'static) -> Self {
        Self { stream: BufReader::new(Box::new(stream)), next: 0 }
    }

    /// Takes the gateway's next link.
    pub async fn accept(listener: &TcpListener) -> Self {
        Self::new(within(listener.accept()).await.unwrap().0)
    }

    /// Connects to a gateway, from this address.
    pub async fn dial(address: &str, from: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        Self::new(within(socket.connect(address.parse().unwrap())).await.unwrap())
    }

    /// Reads the `hello`.
    pub async fn greeted(mut self) -> Self {
        let hello = self.line().await;
        assert_eq!(hello["hello"], "tetherd");
        self.next = hello["next"].as_u64().unwrap();
        self
    }

    pub async fn raw_line(&mut self) -> String {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.unwrap();
        assert!(line.ends_with('\n'), "{line:?}");
        line
    }

    pub async fn line(&mut self) -> Value {
        serde_json::from_str(&self.raw_line().await).unwrap()
    }

    /// The next line of this event.
    pub async fn event(&mut self, kind: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["event"] == kind {
                return line;
            }
        }
    }

    pub async fn say(&mut self, line: &str) {
        within(self.stream.write_all(format!("{line}\n").as_bytes())).await.unwrap();
    }

    pub async fn acknowledge(&mut self, offset: u64) {
        self.say(&format!("{{\"ack\":{offset}}}")).await;
    }

    /// Reads a little now and then, until `enough` or the end.
    pub async fn slowly(&mut self, mut enough: impl FnMut() -> bool) -> String {
        let (mut all, mut some) = (Vec::new(), vec![0; 32_000]);
        while !enough() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            match within(self.stream.read(&mut some)).await.unwrap() {
                0 => break,
                read => all.extend_from_slice(&some[..read]),
            }
        }
        String::from_utf8(all).unwrap()
    }

    /// Everything up to the gateway's FIN; an error if it was a reset.
    pub async fn rest(&mut self) -> io::Result<String> {
        let mut rest = String::new();
        within(self.stream.read_to_string(&mut rest)).await?;
        Ok(rest)
    }

    /// Waits for the gateway to end the link, in whichever way.
    pub async fn ended(&mut self) {
        let mut sink = [0; 4096];
        while let Ok(1..) = within(self.stream.read(&mut sink)).await {}
    }
}

/// A port to listen on.
pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// An address at which nobody listens until the test does: on a loopback address that nothing else
/// uses, so that no other test takes the port meanwhile.
pub fn nobodys_address(last: u8) -> String {
    let socket = std::net::TcpListener::bind(format!("127.7.0.{last}:0")).unwrap();
    // A process that another test is just starting holds a copy of it for a moment.
    socket2::SockRef::from(&socket).shutdown(std::net::Shutdown::Both).unwrap();
    socket.local_addr().unwrap().to_string()
}

/// Makes the next close of this stream a reset.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}
