use std::{
    collections::HashSet,
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use futures_util::stream;
use tokio::time::timeout;

use super::{
    guard::HeadOnly, house::House, passing::written, problem::Problem, sessions::session_id,
    tokens::Caller,
};
use crate::{
    messages::{Tap, TapAnswer, TapFeed, TapSink, tap_feed},
    model::{Name, SessionId},
};

/// Most who look at a time.
const MOST_TAPS: usize = 8;

/// In silence a comment is sent so often, so that whoever is gone is found out.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Bytes of devices that are written in one go, about.
const AT_ONCE: usize = 32 << 10;

/// The bytes of whoever has this name, both ways, as they pass; as server-sent events
///
/// `opened` when a session is granted the name or holds it already, `received`, `sent`, `closed` with
/// the reason. It goes on with the next session of the name, and waits for one that is not there. Of a
/// device behind somebody else's connection all bytes of that connection are shown. Whoever is too slow
/// misses some, and is told how much where it is missing: `missed`.
#[utoipa::path(get, path = "/api/devices/{name}/tap", tag = "taps",
    params(("name" = String, Path, description = "The name, percent-encoded")),
    responses((status = 200, description = "The stream", content_type = "text/event-stream"),
        (status = 400, description = "It is no name", body = Problem),
        (status = 503, description = "Too many look already", body = Problem)))]
pub(super) async fn of_device(
    request: HttpRequest,
    name: Path<String>,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let name = Name::new(name.as_bytes())
        .map_err(|fault| Problem::bad_request(format!("{:?} is no name: {fault}", *name)))?;
    if request.extensions().get::<HeadOnly>().is_some() {
        return Ok(head());
    }
    let looker = Looker::new(&house, &request, format!("device {name}"))?;
    let (sink, feed) = tap_feed();
    let follower = Follower { feed, looker, is_new: true };
    house.tap_name(&name, &sink).await?;
    Ok(streamed(follower))
}

/// The bytes of one session, both ways, as they pass, until it is over; as server-sent events
///
/// The session may have no name. `opened` says how it stands, then there are `received`, `sent`,
/// `missed`, and at the end `closed` with the reason.
#[utoipa::path(get, path = "/api/sessions/{id}/tap", tag = "taps",
    params(("id" = String, Path, description = "The session")),
    responses((status = 200, description = "The stream", content_type = "text/event-stream"),
        (status = 404, description = "There is no such session", body = Problem),
        (status = 503, description = "Too many look already", body = Problem)))]
pub(super) async fn of_session(
    request: HttpRequest,
    id: Path<String>,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let nobody = || Problem::not_found(format!("no session {:?} is open", *id));
    let session = session_id(&id).map_err(|_| nobody())?;
    let (sink, feed) = tap_feed();
    if request.extensions().get::<HeadOnly>().is_some() {
        // To be found, and let go of at once.
        let found = house.tap_session(session, &sink).await?;
        drop(feed);
        house.let_go();
        return if found { Ok(head()) } else { Err(nobody()) };
    }
    let looker = Looker::new(&house, &request, format!("session {session}"))?;
    let follower = Follower { feed, looker, is_new: true };
    if !house.tap_session(session, &sink).await? {
        return Err(nobody());
    }
    Ok(streamed(follower))
}

fn head() -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").finish()
}

fn streamed(mut follower: Follower) -> HttpResponse {
    follower.looker.begins();
    let lines = stream::unfold(follower, |mut follower| async {
        let bytes = follower.next().await?;
        Some((Ok::<_, Infallible>(bytes), follower))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(lines)
}

/// Somebody who looks at what passes.
struct Follower {
    // Dropped before the threads are asked to let go of whoever is gone.
    feed: TapFeed,
    looker: Looker,
    is_new: bool,
}

impl Follower {
    /// What is written next. The first says at once that the stream stands.
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_new) {
            return Some(Bytes::from_static(b": following\n\n"));
        }
        match timeout(HEARTBEAT, self.feed.next(AT_ONCE)).await {
            Err(_silence) => Some(Bytes::from_static(b":\n\n")),
            Ok(None) => None,
            Ok(Some(items)) => Some(items.into_iter().map(written).collect::<String>().into()),
        }
    }
}

/// A place among those who look, until it is dropped.
struct Looker {
    house: Arc<House>,
    token: Option<String>,
    peer: String,
    what: String,
    has_begun: bool,
}

impl Looker {
    fn new(house: &Data<House>, request: &HttpRequest, what: String) -> Result<Self, Problem> {
        let house = Arc::clone(house);
        let below = |now: usize| (now < MOST_TAPS).then_some(now + 1);
        let order = Ordering::Relaxed;
        house.taps.fetch_update(order, order, below).map_err(|_| {
            Problem::unavailable(format!("there are {MOST_TAPS} taps already; end one of them"))
        })?;
        let token = request.extensions().get::<Caller>().and_then(|caller| caller.token.clone());
        let peer = request.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        Ok(Self { house, token, peer, what, has_begun: false })
    }

    fn begins(&mut self) {
        self.has_begun = true;
        self.house.telemetry.tap_opened(self.token.as_deref(), &self.peer, &self.what);
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.house.taps.fetch_sub(1, Ordering::Relaxed);
        self.house.let_go();
        if self.has_begun {
            self.house.telemetry.tap_ended(self.token.as_deref(), &self.peer, &self.what);
        }
    }
}

impl House {
    /// Has `sink` shown whoever holds `name`, or comes to hold it.
    async fn tap_name(&self, name: &Name, sink: &TapSink) -> Result<(), Problem> {
        let mut known = HashSet::new();
        // Once all threads know, every grant is seen; whoever was granted the name while they were told
        // holds it at the second look.
        for is_first in [true, false] {
            let held = self.names.holders(name.as_str()).into_iter();
            let new: Vec<_> = held.filter(|(_, session)| known.insert(*session)).collect();
            for thread in 0..self.threads.len() as u32 {
                let here = new.iter().filter(|(seat, _)| seat.thread == thread);
                let holders: Vec<_> = here.map(|(seat, session)| (seat.slot, *session)).collect();
                if is_first || !holders.is_empty() {
                    let (name, sink) = (name.clone(), sink.clone());
                    self.ask_tap(thread, Tap::Name { name, holders, sink }).await?;
                }
            }
        }
        Ok(())
    }

    /// Has `sink` shown this session. Answers whether it is there.
    async fn tap_session(&self, session: SessionId, sink: &TapSink) -> Result<bool, Problem> {
        for thread in 0..self.threads.len() as u32 {
            let mut from = 0;
            loop {
                let tap = Tap::Session { session, from, sink: sink.clone() };
                match self.ask_tap(thread, tap).await? {
                    TapAnswer::Done => return Ok(true),
                    TapAnswer::GoOn(next) => from = next,
                    TapAnswer::NotHere => break,
                }
            }
        }
        Ok(false)
    }

    /// Has the threads let go of those who look no more.
    fn let_go(&self) {
        self.threads.iter().for_each(|thread| thread.tap.do_send(Tap::LetGo));
    }
}
