//! A gateway that reads protocols of the test's own, and whose spool makes events safe only when the
//! test says so.

use std::{fs, sync::Arc};

use tetherd::{
    app::GatewayBuilder,
    config,
    model::Offset,
    simulator::{Behaviour, WebSettings},
    spool::{
        Batch, Ledger, MemorySpool, Pressure, Read, ReaderId, ReaderSettings, Settings, Spool,
    },
};
use tokio::sync::{Notify, watch};

use crate::harness::{Rig, launch, settings, web_server};

/// A gateway with these keys of its listener, and these protocols beside the built-in ones.
pub async fn rig(
    listener: &str,
    protocols: &[(&str, &str)],
    extend: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("protocols")).unwrap();
    for (name, text) in protocols {
        fs::write(folder.path().join(format!("protocols/{name}.toml")), text).unwrap();
    }
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let rest = "[spool]\ntype = 'memory'\n[admin]\nenabled = false";
    // Devices that the gateway lets go of are waited for no longer than that.
    let listener = format!("farewell = '500ms'\n{listener}");
    let toml = settings(&web.address().to_string(), &listener, "", rest);
    fs::write(folder.path().join("default.toml"), toml).unwrap();
    let paths = vec![folder.path().to_owned()];
    let loaded = config::load(&config::Options { paths, ..Default::default() });
    let loaded = loaded.unwrap_or_else(|faults| panic!("{faults}"));
    let (gateway, telemetry, records) = launch(loaded, extend).await;
    Rig { gateway, web, records, telemetry }
}

/// A gateway whose devices are asked at intervals.
pub async fn polling(listener: &str, polls: &str) -> Rig {
    Rig::with(&format!("farewell = '500ms'\n{listener}"), "", polls).await
}

/// A spool that makes nothing safe by itself.
pub struct Slow {
    inner: MemorySpool,
    safe: watch::Sender<Offset>,
}

impl Slow {
    pub fn new() -> Arc<Self> {
        let inner = MemorySpool::new(&Settings::default());
        let safe = watch::Sender::new(inner.next());
        Arc::new(Self { inner, safe })
    }

    /// The next `events` are safe.
    pub fn make_safe(&self, events: u64) {
        self.safe.send_modify(|safe| *safe = safe.plus(events));
    }

    /// So many events were told since the start.
    pub fn told(&self) -> u64 {
        self.inner.next().0 - self.inner.began().0
    }
}

impl Spool for Slow {
    fn append(&self, batch: &mut Batch) -> Option<Offset> {
        self.inner.append(batch)
    }
    fn open_reader(&self, settings: &ReaderSettings) -> ReaderId {
        self.inner.open_reader(settings)
    }
    fn read(&self, reader: ReaderId, from: Offset) -> Read {
        self.inner.read(reader, from)
    }
    fn give_up(&self, from: Offset, to: Offset) -> bool {
        self.inner.give_up(from, to)
    }
    fn acknowledge(&self, reader: ReaderId, through: Offset) -> u64 {
        self.inner.acknowledge(reader, through)
    }
    fn found(&self, reader: ReaderId, events: u64) {
        self.inner.found(reader, events);
    }
    fn skip(&self, reader: ReaderId, through: Offset) {
        self.inner.skip(reader, through);
    }
    fn cursor(&self, reader: ReaderId) -> Offset {
        self.inner.cursor(reader)
    }
    fn next(&self) -> Offset {
        self.inner.next()
    }
    fn began(&self) -> Offset {
        self.inner.began()
    }
    fn was_clean(&self) -> bool {
        self.inner.was_clean()
    }
    fn promised(&self) -> Option<watch::Receiver<Offset>> {
        Some(self.safe.subscribe())
    }
    fn start(&self) -> std::io::Result<()> {
        self.inner.start()
    }
    fn close(&self) -> bool {
        self.inner.close()
    }
    fn appended(&self, reader: ReaderId) -> Arc<Notify> {
        self.inner.appended(reader)
    }
    fn pressure(&self) -> &Pressure {
        self.inner.pressure()
    }
    fn ledger(&self, reader: ReaderId) -> Ledger {
        self.inner.ledger(reader)
    }
    fn id(&self) -> &str {
        self.inner.id()
    }
}
