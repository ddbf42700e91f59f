use std::{
    collections::VecDeque,
    io,
    net::Shutdown,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::JoinHandle,
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Behaviour, Dialer, Report, Stream, Target,
    target::{self, plain},
    web_link::{RETRY, WebLink},
    web_memory::{WebMemory, WebSettings},
};

/// Lines from outside that may wait for one link.
const TYPED: usize = 1024;

/// A stand-in web server: reads a gateway's lines, checks them, acknowledges, and misbehaves when
/// told to. It ends when it is dropped.
#[derive(Debug)]
pub struct WebServer {
    address: Target,
    stage: Arc<Stage>,
    task: JoinHandle<()>,
    tracker: TaskTracker,
}

/// How a gateway and the stand-in find each other.
#[derive(Clone, Debug)]
pub enum Meeting {
    /// The gateway connects here; port 0 takes a free one.
    Listen(Target),
    /// The gateway listens here, and is tried until it answers.
    Dial {
        /// Where.
        gateway: Target,
        /// What it must be told first.
        token: Option<String>,
    },
}

/// Why there is no stand-in web server.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stand-in web server cannot listen on {address}: {}; choose another address",
    plain(source)
)]
pub struct WebServerFault {
    address: Target,
    source: io::Error,
}

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
#[error("not reached within {} s: {summary}", after.as_secs_f64())]
pub struct Missed {
    /// How long it was waited for.
    pub after: Duration,
    /// What the web server had seen by then.
    pub summary: String,
}

#[derive(Debug)]
struct Stage {
    memory: Arc<WebMemory>,
    behaviours: Mutex<VecDeque<Behaviour>>,
    stop: CancellationToken,
    /// Ends the links of today; those of tomorrow get a new one.
    cut: Mutex<CancellationToken>,
    links: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

impl WebServer {
    /// A good web server with an empty memory.
    pub async fn start(meeting: Meeting) -> Result<Self, WebServerFault> {
        let memory = WebMemory::new(WebSettings::default());
        Self::resume(meeting, Arc::new(memory), [Behaviour::default()]).await
    }

    /// A web server that remembers `memory`. The first link gets the first behaviour, the second
    /// the second; the last one stays.
    pub async fn resume(
        meeting: Meeting,
        memory: Arc<WebMemory>,
        behaviours: impl IntoIterator<Item = Behaviour>,
    ) -> Result<Self, WebServerFault> {
        let stop = CancellationToken::new();
        let stage = Arc::new(Stage {
            memory,
            behaviours: Mutex::new(behaviours.into_iter().collect()),
            cut: Mutex::new(stop.child_token()),
            stop,
            links: Mutex::default(),
        });
        let tracker = TaskTracker::new();
        let (address, task) = match meeting {
            Meeting::Listen(target) => {
                let fault = |source| WebServerFault { address: target.clone(), source };
                let listener = Listener::bind(&target).await.map_err(fault)?;
                let address = listener.address().unwrap_or_else(|| target.clone());
                let task = accept(listener, stage.clone(), tracker.clone());
                (address, tokio::spawn(task))
            }
            Meeting::Dial { gateway, token } => {
                let task = dial(gateway.clone(), token, stage.clone());
                (gateway, tokio::spawn(task))
            }
        };
        Ok(Self { address, stage, task, tracker })
    }

    /// Where it listens, or where it connects.
    pub fn address(&self) -> &Target {
        &self.address
    }

    /// Looks at what it has seen.
    pub fn look<R>(&self, look: impl FnOnce(&Report) -> R) -> R {
        self.stage.memory.look(look)
    }

    /// A copy of what it has seen.
    pub fn report(&self) -> Report {
        self.look(Report::clone)
    }

    /// Waits until `reached` holds, at most for `timeout`.
    pub async fn wait_until(
        &self,
        timeout: Duration,
        reached: impl FnMut(&Report) -> bool,
    ) -> Result<(), Missed> {
        let missed = |_| Missed { after: timeout, summary: self.look(Report::summary) };
        time::timeout(timeout, self.stage.memory.wait(reached)).await.map_err(missed)
    }

    /// Sends a line on every link; gives how many links took it.
    pub fn send(&self, line: &str) -> usize {
        let bytes = Bytes::from(format!("{line}\n"));
        let mut links = lock(&self.stage.links);
        links.retain(|link| !link.is_closed());
        links.iter().filter(|link| link.try_send(bytes.clone()).is_ok()).count()
    }

    /// Behaviours for the links to come.
    pub fn behave(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        *lock(&self.stage.behaviours) = behaviours.into_iter().collect();
    }

    /// Closes every link; the gateway may come back.
    pub fn disconnect(&self) {
        let fresh = self.stage.stop.child_token();
        std::mem::replace(&mut *lock(&self.stage.cut), fresh).cancel();
    }

    /// Ends, once every link is closed, and gives its memory for another one.
    pub async fn stop(mut self) -> Arc<WebMemory> {
        self.stage.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        // It ends by itself once it is told to stop; a panic in it is nothing to go on about.
        let _ = (&mut self.task).await;
        self.stage.memory.clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stage.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    fn behaviour(&self) -> Behaviour {
        let mut behaviours = lock(&self.behaviours);
        let next =
            if behaviours.len() > 1 { behaviours.pop_front() } else { behaviours.front().cloned() };
        next.unwrap_or_default()
    }

    /// One link to its end.
    async fn link(&self, stream: Stream, token: Option<&str>) {
        let (sender, typed) = mpsc::channel(TYPED);
        lock(&self.links).push(sender);
        let cut = lock(&self.cut).clone();
        let mut link = WebLink::new(self.memory.clone(), self.behaviour());
        if let Some(token) = token {
            link.say(serde_json::json!({ "token": token }).to_string().as_bytes());
        }
        link.talk(stream, typed, cut).await;
        lock(&self.links).retain(|link| !link.is_closed());
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    async fn bind(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp { host, port } => {
                TcpListener::bind((host.as_str(), *port)).await.map(Self::Tcp)
            }
            Target::Unix(path) => UnixListener::bind(path).map(Self::Unix),
        }
    }

    fn address(&self) -> Option<Target> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(Target::from),
            Self::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

impl Drop for Listener {
    /// The next one on the same address or path finds it free.
    fn drop(&mut self) {
        match self {
            // A process that is just being started holds a copy of the socket for a moment, and a
            // socket that listens keeps its address until the last copy is closed.
            Self::Tcp(listener) => {
                let _ = socket2::SockRef::from(&*listener).shutdown(Shutdown::Both);
            }
            Self::Unix(listener) => {
                let address = listener.local_addr().ok();
                if let Some(path) = address.as_ref().and_then(|address| address.as_pathname()) {
                    // Gone already is as good.
                    let _ = std::fs::remove_file(path);
                }
            }
        }
    }
}

async fn accept(listener: Listener, stage: Arc<Stage>, tracker: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stage.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                let stage = stage.clone();
                tracker.spawn(async move { stage.link(stream, None).await });
            }
            // Out of descriptors, or a peer that has left already: the next one may have more luck.
            Err(_) => time::sleep(RETRY).await,
        }
    }
}

async fn dial(gateway: Target, token: Option<String>, stage: Arc<Stage>) {
    let dialer = Dialer::default();
    while !stage.stop.is_cancelled() {
        let connected = async {
            let addresses = target::addresses(&gateway).await?;
            dialer.connect(&gateway, &addresses).await
        };
        tokio::select! {
            biased;
            () = stage.stop.cancelled() => return,
            connected = connected => if let Ok(stream) = connected {
                stage.link(stream, token.as_deref()).await;
            },
        }
        tokio::select! {
            () = stage.stop.cancelled() => {}
            () = time::sleep(RETRY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn an_address_is_free_again_even_if_somebody_holds_a_copy_of_the_socket() {
        let anywhere: Target = "127.0.0.1:0".parse().expect("an address");
        let first = Listener::bind(&anywhere).await.expect("a port");
        let address = first.address().expect("an address");
        let Listener::Tcp(socket) = &first else { panic!("no TCP") };
        let copy = socket.as_fd().try_clone_to_owned().expect("a copy");
        drop(first);
        assert!(Listener::bind(&address).await.is_ok());
        drop(copy);
    }
}
