use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use futures_util::stream;
use serde::Deserialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};
use utoipa::IntoParams;

use super::{guard::HeadOnly, house::House, problem::Problem, query::query};
use crate::telemetry::Happening;

/// Most who follow at a time.
const MOST_FOLLOWERS: usize = 8;

/// In silence a comment is sent so often, so that whoever is gone is found out.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a stream of server-sent events is, as HTTP wants it said.
const CONTENT_TYPE: &str = "text/event-stream";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// Only what is about the device of this name
    name: Option<String>,
}

/// What goes on, as server-sent events
///
/// `online`, `idle`, `closed`, `taken_over`, `flagged`, `link_up`, `link_down`, `link_stuck`, `gap`,
/// `phase`, `command`, `thread_still`, `thread_on`, `traffic_quiet`, `traffic_resumed`. Whoever is too slow
/// misses some, and is told how many: `missed`.
#[utoipa::path(get, path = "/api/events", tag = "events", params(EventsQuery),
    responses((status = 200, description = "The stream", content_type = "text/event-stream"),
        (status = 503, description = "Too many follow already", body = Problem)))]
pub(super) async fn follow(
    request: HttpRequest,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let asked: EventsQuery = query(&request)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(CONTENT_TYPE);
    if request.extensions().get::<HeadOnly>().is_some() {
        return Ok(answer.finish());
    }
    let place = Place::take(house.into_inner()).ok_or_else(|| {
        Problem::unavailable(format!("{MOST_FOLLOWERS} follow already; end one of them"))
    })?;
    let feed = place.0.telemetry.witness().follow();
    let follower = Follower { place, feed, name: asked.name, is_new: true };
    let lines = stream::unfold(follower, |mut follower| async {
        let bytes = follower.next().await?;
        Some((Ok::<_, Infallible>(bytes), follower))
    });
    Ok(answer.streaming(lines))
}

/// A place among those who follow, until it is dropped.
struct Place(Arc<House>);

impl Place {
    fn take(house: Arc<House>) -> Option<Self> {
        let below = |now: usize| (now < MOST_FOLLOWERS).then_some(now + 1);
        let order = Ordering::Relaxed;
        house.followers.fetch_update(order, order, below).ok()?;
        Some(Self(house))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Follower {
    place: Place,
    feed: Receiver<Arc<Happening>>,
    name: Option<String>,
    is_new: bool,
}

impl Follower {
    /// What is written next. The first says at once that the stream stands.
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_new) {
            return Some(Bytes::from_static(b": following\n\n"));
        }
        loop {
            match timeout(HEARTBEAT, self.feed.recv()).await {
                Err(_silence) => return Some(Bytes::from_static(b":\n\n")),
                Ok(Err(RecvError::Closed)) => return None,
                Ok(Err(RecvError::Lagged(events))) => {
                    self.place.0.telemetry.admin_missed(events);
                    let facts = serde_json::json!({ "event": "missed", "events": events });
                    return Some(written("missed", &facts));
                }
                Ok(Ok(happening)) if self.wants(&happening) => {
                    return Some(written(happening.kind, &happening.facts));
                }
                Ok(Ok(_)) => {}
            }
        }
    }

    fn wants(&self, happening: &Happening) -> bool {
        self.name.is_none() || self.name == happening.name
    }
}

/// JSON has no line feeds of its own.
fn written(kind: &str, facts: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {kind}\ndata: {facts}\n\n"))
}
