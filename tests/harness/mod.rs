//! A gateway in the test's own process, a stand-in web server behind it, and devices written by
//! hand in front of it. Nothing here sleeps to wait: everything waits for the thing itself, with a
//! limit that only a fault reaches.
#![allow(dead_code, clippy::unwrap_used)]

pub mod process;

use std::{
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tetherd::{
    app::{Gateway, GatewayBuilder},
    config,
    simulator::{Behaviour, Meeting, Report, WebMemory, WebServer, WebSettings},
    telemetry::{Records, Telemetry},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// No step of a test takes longer unless something is broken.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Waits until `holds`, letting everything else on this thread run meanwhile.
pub async fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(LIMIT, what, holds).await;
}

/// The same with a limit of its own, for what is a lot of work.
pub async fn until_within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A gateway with a web server behind it.
pub struct Rig {
    pub gateway: Gateway,
    pub web: WebServer,
    pub records: Records,
    pub telemetry: Telemetry,
}

/// A listener `dtu` and an upstream `web` with these further keys.
pub fn settings(web: &str, listener: &str, upstream: &str, rest: &str) -> String {
    format!(
        "{rest}\n[drain]\nspread = '0s'\n[listener.dtu]\naddress = '127.0.0.1:0'\n{listener}\n\
         [upstream.web]\naddress = '{web}'\n{upstream}\n"
    )
}

impl Rig {
    /// Everything as it comes.
    pub async fn plain() -> Self {
        Self::with("", "", "").await
    }

    /// With these keys of the listener, of the upstream, and at the top.
    pub async fn with(listener: &str, upstream: &str, rest: &str) -> Self {
        Self::extended(listener, upstream, rest, |builder| builder).await
    }

    /// With extensions, too.
    pub async fn extended(
        listener: &str,
        upstream: &str,
        rest: &str,
        extend: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
    ) -> Self {
        let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
        Self::before(web, listener, upstream, rest, extend).await
    }

    /// In front of this web server.
    pub async fn before(
        web: WebServer,
        listener: &str,
        upstream: &str,
        rest: &str,
        extend: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
    ) -> Self {
        let toml = settings(&web.address().to_string(), listener, upstream, rest);
        let (gateway, telemetry, records) = start(&toml, extend).await;
        Self { gateway, web, records, telemetry }
    }

    /// A device that has connected and said nothing.
    pub async fn connect(&self) -> Dtu {
        Dtu::connect(self.gateway.listener_address("dtu").unwrap()).await
    }

    /// A device that is online under this name.
    pub async fn online(&self, name: &str) -> Dtu {
        let mut device = self.connect().await;
        device.write(format!("ETUNG:{name}\r\n").as_bytes()).await;
        self.sees(|report| report.name(name).online).await;
        device
    }

    /// Waits for the web server to have seen this.
    pub async fn sees(&self, reached: impl FnMut(&Report) -> bool) {
        if let Err(missed) = self.web.wait_until(LIMIT, reached).await {
            let logged: Vec<_> = self.records.all().iter().map(|r| format!("{r:?}")).collect();
            panic!("{missed}\n{}", logged.join("\n"));
        }
    }

    /// The web server's sums of this name.
    pub fn totals(&self, name: &str) -> tetherd::simulator::NameTotals {
        self.web.look(|report| report.name(name))
    }

    /// The lines that the web server keeps, as JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let lines = self.web.look(|report| report.last_lines.clone());
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines of this event.
    pub fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        self.lines().into_iter().filter(|line| line["event"] == kind).collect()
    }

    /// Stops in order; nothing may have panicked, no promise been broken, nothing be left over.
    pub async fn stop(self) -> Report {
        let report = self.stop_after_panics().await;
        assert_eq!(report.1, 0, "something panicked");
        report.0
    }

    /// The same after panics that were meant; answers how many there were.
    pub async fn stop_after_panics(self) -> (Report, u64) {
        let Self { gateway, web, telemetry, .. } = self;
        timeout(LIMIT, gateway.stop()).await.expect("the gateway stops");
        let report = web.report();
        assert_eq!(report.first_violations, [], "promises were broken");
        (report, telemetry.counts().panics.sum())
    }
}

/// A gateway from this text, and what it logs.
pub async fn start(
    toml: &str,
    extend: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
) -> (Gateway, Telemetry, Records) {
    let loaded = config::from_toml(toml).unwrap_or_else(|faults| panic!("{faults}"));
    launch(loaded, extend).await
}

/// A gateway from this configuration, and what it logs.
pub async fn launch(
    loaded: config::Loaded,
    extend: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
) -> (Gateway, Telemetry, Records) {
    let (telemetry, records) = Telemetry::recording();
    let builder = extend(Gateway::builder(loaded).telemetry(telemetry.clone()));
    let gateway = builder.start().await.unwrap_or_else(|fault| panic!("{fault}"));
    (gateway, telemetry, records)
}

/// A stand-in web server on a port of its own.
pub async fn web_server(
    settings: WebSettings,
    behaviours: impl IntoIterator<Item = Behaviour>,
) -> WebServer {
    let meeting = Meeting::Listen("127.0.0.1:0".parse().unwrap());
    WebServer::resume(meeting, WebMemory::new(settings).into(), behaviours).await.unwrap()
}

/// A device, byte by byte.
pub struct Dtu {
    pub stream: TcpStream,
}

impl Dtu {
    pub async fn connect(address: &str) -> Self {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Writes, and does not mind if the gateway has hung up.
    pub async fn try_write(&mut self, bytes: &[u8]) -> bool {
        within(self.stream.write_all(bytes)).await.is_ok()
    }

    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within(self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// Everything up to the gateway's FIN; an error if it was a reset.
    pub async fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        within(self.stream.read_to_end(&mut bytes)).await?;
        Ok(bytes)
    }

    /// Waits for the gateway to end the connection, in whichever way.
    pub async fn ended(&mut self) {
        let mut sink = [0; 1024];
        while let Ok(1..) = within(self.stream.read(&mut sink)).await {}
    }

    /// FIN.
    pub async fn finish(&mut self) {
        within(self.stream.shutdown()).await.unwrap();
    }

    /// RST.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }
}

/// Waits for `work`, within the limit of every step.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.expect("a step took longer than any step may")
}
