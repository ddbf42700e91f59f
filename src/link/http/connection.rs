use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{answer::Answer, tls, way::Way};
use crate::link::{CONNECT_TIMEOUT, LinkFault, LinkFaultKind, tcp};

/// Most bytes of an answer's body that are read.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// Most bytes of an answer's head.
const LONGEST_HEAD: usize = 64 << 10;

/// One kept connection to the web server.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    /// It has carried a request before: the web server may have closed it meanwhile.
    is_used: bool,
}

/// What an exchange leaves behind: the connection where it can be used again, and the answer.
pub(super) type Exchanged = (Option<Connection>, Result<Answer, LinkFault>);

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Sends `request`, over `connection` where that still holds, and reads the answer, all within the
/// time that the settings leave.
pub(super) async fn exchange(
    way: Arc<Way>,
    connection: Option<Connection>,
    request: Request<Full<Bytes>>,
) -> Exchanged {
    let deadline = Instant::now() + way.timeout;
    match timeout_at(deadline, talk(&way, connection, request)).await {
        Ok(Ok((connection, answer))) => (connection, Ok(answer)),
        Ok(Err(fault)) => (None, Err(fault)),
        Err(_) => {
            let detail = format!("the answer took longer than timeout, {:?}", way.timeout);
            (None, Err(LinkFault::new(LinkFaultKind::TimedOut, way.target.to_string(), detail)))
        }
    }
}

async fn talk(
    way: &Way,
    connection: Option<Connection>,
    request: Request<Full<Bytes>>,
) -> Result<(Option<Connection>, Answer), LinkFault> {
    if let Some(mut used) = connection.filter(|connection| !connection.sender.is_closed()) {
        // A web server may close a connection that it keeps at any time. Where no answer has begun
        // the same request goes out once more, over a new one.
        if let Ok(response) = used.send(request.clone()).await {
            return used.read(way, response).await;
        }
    }
    // A web server that is away says nothing about the event on its way to it.
    let opened = Connection::open(way, CONNECT_TIMEOUT).await;
    let mut fresh = opened.map_err(|fault| fault.with_respite(Duration::ZERO))?;
    match fresh.send(request).await {
        Ok(response) => fresh.read(way, response).await,
        Err(error) => Err(broken(way, &error)),
    }
}

impl Connection {
    /// Connects, and agrees on TLS where the URL says so.
    ///
    /// # Errors
    /// What went wrong; see [`LinkFaultKind`].
    pub(super) async fn open(way: &Way, within: Duration) -> Result<Self, LinkFault> {
        let (target, place) = (&way.target, way.target.to_string());
        let deadline = Instant::now() + within;
        let stream = tcp::dial_host(&place, &target.host, target.port, deadline).await?;
        let fault = |error| LinkFault::from_io(&*place, &error);
        tcp::prepare(&stream, &way.keepalive).map_err(fault)?;
        let wire: Box<dyn Wire> = match target.is_secure {
            false => Box::new(stream),
            true => {
                let agreed = timeout_at(deadline, tls::agree(target, stream)).await;
                let late = || LinkFault::new(LinkFaultKind::TimedOut, &*place, "no TLS in time");
                Box::new(agreed.map_err(|_| late())??)
            }
        };
        let shaken = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake::<_, Full<Bytes>>(TokioIo::new(wire))
            .await;
        let (sender, connection) = shaken.map_err(|error| broken(way, &error))?;
        let driver = tokio::spawn(async {
            // Whoever waits for an answer hears of the fault as well.
            let _ = connection.await;
        });
        Ok(Self { sender, driver, is_used: false })
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// Reads the answer to its end: before that it acknowledges nothing.
    async fn read(
        mut self,
        way: &Way,
        response: Response<Incoming>,
    ) -> Result<(Option<Self>, Answer), LinkFault> {
        let (head, mut body) = response.into_parts();
        let mut answer = Answer {
            status: head.status,
            retry_after: text(&head.headers, RETRY_AFTER),
            location: text(&head.headers, LOCATION),
            ..Answer::default()
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(way, &error))?;
            let Some(data) = frame.data_ref() else { continue };
            let room = LONGEST_BODY - answer.body.len();
            answer.body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                answer.is_cut = true;
                return Ok((None, answer));
            }
        }
        self.is_used = true;
        Ok((Some(self), answer))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// How a connection broke while it was in use.
fn broken(way: &Way, error: &hyper::Error) -> LinkFault {
    let place = way.target.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return LinkFault::from_io(place, error);
        }
        cause = inner.source();
    }
    let kind = match error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        true => LinkFaultKind::ClosedByPeer,
        false => LinkFaultKind::Other,
    };
    LinkFault::new(kind, place, error.to_string())
}
