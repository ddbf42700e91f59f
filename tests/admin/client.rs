//! HTTP by hand: what is sent is what the test says, and nothing more.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{LIMIT, within};

/// Somebody who asks.
pub struct Client {
    pub address: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    body: Vec<u8>,
}

/// A stream of server-sent events.
pub struct Stream {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub fn of(address: &str) -> Self {
        Self { address: address.to_owned() }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "").await
    }

    /// With these further headers; a Host among them takes the place of the right one.
    pub async fn ask(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Answer {
        let request = self.request(method, target, headers, body, "close");
        self.say(&request).await
    }

    /// Exactly this.
    pub async fn say(&self, request: &str) -> Answer {
        let mut socket = within(TcpStream::connect(&self.address)).await.unwrap();
        within(socket.write_all(request.as_bytes())).await.unwrap();
        let mut bytes = Vec::new();
        // The gateway may hang up with a reset where it has not read all.
        let _ = within(socket.read_to_end(&mut bytes)).await;
        Answer::read(&bytes)
    }

    /// Only the status; the rest of the answer is left alone.
    pub async fn status_of(&self, target: &str) -> u16 {
        let mut socket = within(TcpStream::connect(&self.address)).await.unwrap();
        let request = self.request("GET", target, &[], "", "close");
        within(socket.write_all(request.as_bytes())).await.unwrap();
        let mut line = [0; 12];
        within(socket.read_exact(&mut line)).await.unwrap();
        std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
    }

    pub async fn follow(&self, target: &str) -> Stream {
        self.follow_with(target, &[]).await
    }

    /// With these further headers.
    pub async fn follow_with(&self, target: &str, headers: &[&str]) -> Stream {
        let mut socket = within(TcpStream::connect(&self.address)).await.unwrap();
        let request = self.request("GET", target, headers, "", "keep-alive");
        within(socket.write_all(request.as_bytes())).await.unwrap();
        let mut stream = Stream { socket, read: Vec::new() };
        stream.until(": following").await;
        stream
    }

    fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &str,
        end: &str,
    ) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: {end}\r\n");
        if !headers.iter().any(|header| header.to_lowercase().starts_with("host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        format!("{head}\r\n{body}")
    }
}

/// The same from a thread that may wait: whoever asks may have nobody else to run.
pub fn get_blocking(address: &str, target: &str) -> Answer {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    Answer::read(&bytes)
}

impl Answer {
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

impl Stream {
    /// Waits until this was read.
    pub async fn until(&mut self, wanted: &str) {
        while !String::from_utf8_lossy(&self.read).contains(wanted) {
            self.more().await;
        }
    }

    /// Waits for more.
    pub async fn more(&mut self) {
        assert!(self.try_more().await, "the stream ended");
    }

    /// Waits for the end; whether that was in order.
    pub async fn ends(&mut self) -> bool {
        loop {
            let in_order = self.read.ends_with(b"\r\n0\r\n\r\n");
            if in_order || !self.try_more().await {
                return in_order;
            }
        }
    }

    async fn try_more(&mut self) -> bool {
        let mut more = vec![0; 64 << 10];
        let count = within(self.socket.read(&mut more)).await.unwrap();
        self.read.extend_from_slice(&more[..count]);
        count > 0
    }

    /// The facts of the events so far.
    pub fn events(&self) -> Vec<Value> {
        let text = String::from_utf8_lossy(&self.read).into_owned();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }
}
