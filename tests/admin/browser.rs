//! A real browser, driven by its WebDriver. Where it is not installed its tests are passed over,
//! unless `TETHERD_TEST_NEEDS` names `chromedriver`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{ClientBuilder, Locator, elements::Element, wd::Capabilities};
use http_body_util::BodyExt;
use hyper::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser is slow to begin, and on a busy machine in everything.
const PATIENCE: Duration = Duration::from_secs(90);

/// A browser with one window. It ends with the test.
pub struct Browser {
    window: fantoccini::Client,
    driver: Driver,
    _profile: TempDir,
}

/// The program that a browser is driven by.
struct Driver {
    child: Child,
    address: String,
}

impl Browser {
    /// With an empty profile; none where there is no browser.
    pub async fn open() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let driver = Driver::start(profile.path())?;
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--window-size=1400,1000".to_owned(),
            // A name that leads here although it is none of ours.
            "--host-resolver-rules=MAP attacker.example 127.0.0.1".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut wanted = Capabilities::new();
        wanted.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let address = format!("http://{}", driver.address);
        let window = builder.capabilities(wanted).connect(&address).await.unwrap();
        Some(Self { window, driver, _profile: profile })
    }

    pub async fn go(&self, address: &str) {
        self.window.goto(address).await.unwrap();
    }

    /// Waits for what this XPath finds.
    pub async fn find(&self, path: &str) -> Element {
        let wait = self.window.wait().at_most(PATIENCE);
        match wait.for_element(Locator::XPath(path)).await {
            Ok(element) => element,
            Err(fault) => panic!("{path}: {fault}\n{}", self.text().await),
        }
    }

    pub async fn click(&self, path: &str) {
        self.find(path).await.click().await.unwrap();
    }

    /// Waits until this expression holds.
    pub async fn until(&self, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("return Boolean({expression})")).await != Value::Bool(true) {
            let text = self.text().await;
            assert!(begun.elapsed() < PATIENCE, "never came: {expression}\n{text}");
        }
    }

    pub async fn run(&self, script: &str) -> Value {
        self.window.execute(script, Vec::new()).await.unwrap()
    }

    /// All that is to be read.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body?.innerText ?? ''").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What the browser has complained of since this was asked last: by whom, and what.
    pub async fn complaints(&self) -> Vec<(String, String)> {
        let session = self.window.session_id().await.unwrap().unwrap();
        let target = format!("http://{}/session/{session}/se/log", self.driver.address);
        let asked = Request::post(target).body("{\"type\":\"browser\"}".to_owned()).unwrap();
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let answer = client.request(asked).await.unwrap().into_body().collect().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.to_bytes()).unwrap();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = answer["value"].as_array().unwrap().iter();
        let grave = entries.filter(|entry| ["SEVERE", "WARNING"].contains(&&*text(entry, "level")));
        grave.map(|entry| (text(entry, "source"), text(entry, "message"))).collect()
    }

    pub async fn close(self) {
        self.window.close().await.unwrap();
    }
}

impl Driver {
    fn start(home: &Path) -> Option<Self> {
        let mut command = Command::new("chromedriver");
        // What is left behind by a crash lies there, too.
        command.env("HOME", home).env("TMPDIR", home).arg("--port=0").stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
            let needed = needs.split([',', ' ']).any(|need| need == "chromedriver");
            assert!(!needed, "chromedriver is not installed, and TETHERD_TEST_NEEDS asks for it");
            return None;
        };
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = lines.map_while(Result::ok);
        let line = told.find(|line| line.contains("started successfully on port ")).unwrap();
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap();
        Some(Self { address: format!("127.0.0.1:{port}"), child })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked for this it ends the browser, and then itself; a signal would end itself alone.
        let asked = TcpStream::connect(&self.address).and_then(|mut socket| {
            socket.set_read_timeout(Some(PATIENCE))?;
            let host = &self.address;
            write!(socket, "GET /shutdown HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
            socket.read(&mut [0; 1])
        });
        if asked.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
