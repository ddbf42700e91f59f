//! A web server by HTTP, by hand: it does to each request what the test says, and remembers offsets
//! as a good web server does.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use data_encoding::BASE64;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::hand::{listener, reset};

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    /// Method and path.
    pub line: String,
    /// Headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: String,
    /// Its events.
    pub events: Vec<Value>,
}

impl Posted {
    /// Whether data of one of its events hold `word`.
    pub fn holds(&self, word: &str) -> bool {
        self.events.iter().any(|event| String::from_utf8_lossy(&data(event)).contains(word))
    }
}

/// What happens to the connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Keep,
    Close,
    Reset,
    Silence,
}

/// What is done to a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Whether the events are stored.
    pub takes: bool,
    /// What is written, as it goes over the wire.
    pub says: String,
    pub then: Then,
}

impl Reply {
    /// An answer with this status, further header lines and body; a 2xx takes the events.
    pub fn new(status: u16, headers: &str, body: &str) -> Self {
        let says = format!(
            "HTTP/1.1 {status} So\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { takes: (200..300).contains(&status), says, then: Then::Keep }
    }

    pub fn status(status: u16) -> Self {
        Self::new(status, "", "")
    }

    /// These bytes, whatever they mean.
    pub fn raw(takes: bool, says: &str, then: Then) -> Self {
        Self { takes, says: says.to_owned(), then }
    }
}

type Decide = Box<dyn FnMut(&Posted) -> Reply>;

#[derive(Default)]
struct State {
    posted: Vec<Posted>,
    taken: Vec<Value>,
    connections: usize,
}

/// The web server.
#[derive(Clone)]
pub struct Poster {
    pub address: String,
    state: Rc<RefCell<State>>,
    decide: Rc<RefCell<Decide>>,
}

impl Poster {
    pub async fn new(decide: impl FnMut(&Posted) -> Reply + 'static) -> Self {
        Self::on(listener().await, decide)
    }

    pub fn on(listener: TcpListener, decide: impl FnMut(&Posted) -> Reply + 'static) -> Self {
        let poster = Self::unheard(&listener, decide);
        let server = poster.clone();
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let server = server.clone();
                actix_rt::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    if server.serve(&mut stream).await == Then::Reset {
                        reset(stream.into_inner());
                    }
                });
            }
        });
        poster
    }

    /// One whose connections somebody else accepts, and hands to [`Poster::serve`].
    pub fn unheard(listener: &TcpListener, decide: impl FnMut(&Posted) -> Reply + 'static) -> Self {
        Self {
            address: listener.local_addr().unwrap().to_string(),
            state: Rc::default(),
            decide: Rc::new(RefCell::new(Box::new(decide))),
        }
    }

    /// From now on it does this.
    pub fn now(&self, decide: impl FnMut(&Posted) -> Reply + 'static) {
        *self.decide.borrow_mut() = Box::new(decide);
    }

    /// Serves one connection until it ends.
    pub async fn serve(
        &self,
        stream: &mut (impl AsyncBufReadExt + AsyncRead + AsyncWrite + Unpin),
    ) -> Then {
        self.state.borrow_mut().connections += 1;
        while let Some(posted) = read(stream).await {
            let reply = (self.decide.borrow_mut())(&posted);
            self.note(posted, reply.takes);
            if stream.write_all(reply.says.as_bytes()).await.is_err() {
                return Then::Close;
            }
            match reply.then {
                Then::Keep => {}
                Then::Silence => std::future::pending().await,
                end => return end,
            }
        }
        Then::Close
    }

    fn note(&self, posted: Posted, takes: bool) {
        let mut state = self.state.borrow_mut();
        if takes {
            for event in &posted.events {
                if state.taken.last().is_none_or(|last| offset(last) < offset(event)) {
                    state.taken.push(event.clone());
                }
            }
        }
        state.posted.push(posted);
    }

    pub fn requests(&self) -> usize {
        self.state.borrow().posted.len()
    }

    pub fn connections(&self) -> usize {
        self.state.borrow().connections
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.state.borrow().posted.clone()
    }

    pub fn taken(&self) -> Vec<Value> {
        self.state.borrow().taken.clone()
    }

    /// The bytes of all data it has taken; every offset stands there once, and none is missing.
    pub fn data(&self) -> Vec<u8> {
        let taken = self.taken();
        let offsets: Vec<u64> = taken.iter().map(offset).collect();
        let first = offsets.first().copied().unwrap_or_default();
        let all: Vec<u64> = (first..first + offsets.len() as u64).collect();
        assert_eq!(offsets, all, "every offset once, in order");
        taken.iter().flat_map(data).collect()
    }
}

pub fn offset(event: &Value) -> u64 {
    event["offset"].as_u64().unwrap()
}

fn data(event: &Value) -> Vec<u8> {
    BASE64.decode(event["data"].as_str().unwrap_or_default().as_bytes()).unwrap()
}

async fn read(stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin)) -> Option<Posted> {
    let mut posted = Posted::default();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(0) => return None,
            Ok(_) => {}
            // What is no text is no HTTP.
            Err(_) => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok()?;
                return None;
            }
        }
        let line = line.trim_end();
        if posted.line.is_empty() {
            posted.line = line.to_owned();
        } else if let Some((name, value)) = line.split_once(':') {
            posted.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        } else {
            break;
        }
    }
    let length = posted.headers["content-length"].parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    posted.body = String::from_utf8(body).unwrap();
    posted.events = match posted.headers["content-type"].as_str() {
        "application/json" => serde_json::from_str(&posted.body).unwrap(),
        _ => posted.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    };
    assert!(!posted.events.is_empty(), "no request is empty");
    Some(posted)
}
