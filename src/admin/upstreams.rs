use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Bytes, Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    house::{House, UpstreamView},
    problem::Problem,
};
use crate::{
    model::{Offset, UnixMillis},
    telemetry::Label,
};

/// The web servers.
#[derive(Serialize, ToSchema)]
pub(super) struct Upstreams {
    upstreams: Vec<Upstream>,
}

/// One of them, and what it has.
#[derive(Serialize, ToSchema)]
pub(super) struct Upstream {
    /// Its name.
    name: String,
    /// `dial` or `accept`.
    mode: &'static str,
    /// Where it is, or where it connects to us.
    address: String,
    /// The link to it.
    link: Link,
    /// First offset that it has not acknowledged.
    cursor: u64,
    /// Events that got an offset since it began.
    received: u64,
    /// Those that it has acknowledged.
    delivered: u64,
    /// Those that wait.
    waiting: u64,
    /// About so many bytes of them are kept.
    waiting_bytes: u64,
    /// How long the oldest of them waits.
    lag_seconds: f64,
    /// Those that it never gets.
    dropped: u64,
}

/// The link to a web server.
#[derive(Serialize, ToSchema)]
struct Link {
    /// Whether it is up.
    up: bool,
    /// The other end, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    /// Since when it is as it is; absent until it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Why it was last down.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fault: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// It fails again and again at the event with this offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck_at: Option<u64>,
}

/// What is to be passed over.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Skip {
    /// Everything up to and including this offset; without it, the one event at the cursor.
    through: Option<u64>,
}

/// The web servers, their links, and what they have
#[utoipa::path(get, path = "/api/upstreams", tag = "upstreams",
    responses((status = 200, description = "They", body = Upstreams)))]
pub(super) async fn list(house: Data<House>) -> HttpResponse {
    let upstreams =
        house.ends.upstreams().iter().map(|upstream| house.upstream(upstream)).collect();
    HttpResponse::Ok().json(Upstreams { upstreams })
}

/// Passes over an event that a web server cannot take; it is told as a gap, `skipped`
#[utoipa::path(post, path = "/api/upstreams/{name}/skip", tag = "upstreams",
    params(("name" = String, Path, description = "The upstream")), request_body = Skip,
    responses((status = 200, description = "How it stands now", body = Upstream),
        (status = 404, description = "There is no such upstream", body = Problem),
        (status = 409, description = "Nothing waits there", body = Problem)))]
pub(super) async fn skip(
    name: Path<String>,
    body: Bytes,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let upstreams = house.ends.upstreams();
    let found = upstreams.iter().find(|upstream| upstream.name == *name);
    let upstream = found
        .ok_or_else(|| Problem::not_found(format!("there is no upstream {:?}", name.as_str())))?;
    let asked: Skip = match body.is_empty() {
        true => Skip::default(),
        false => read(&body)
            .map_err(|error| Problem::bad_request(format!("the body does not fit: {error}")))?,
    };
    let cursor = house.spool.cursor(upstream.reader);
    let through = asked.through.map_or(cursor, Offset);
    if through < cursor || through >= house.spool.next() {
        let why = format!("nothing waits at {through}; the cursor is at {cursor}");
        return Err(conflict(why));
    }
    let before = house.spool.ledger(upstream.reader).dropped;
    house.spool.skip(upstream.reader, through);
    if house.spool.ledger(upstream.reader).dropped == before {
        return Err(conflict(format!("what waited up to {through} is passed over already")));
    }
    Ok(HttpResponse::Ok().json(house.upstream(upstream)))
}

fn conflict(why: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, why)
}

/// An object, and not the list that would be taken for one.
fn read(body: &[u8]) -> serde_json::Result<Skip> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)?;
    serde_json::from_value(object.into())
}

impl House {
    fn upstream(&self, upstream: &UpstreamView) -> Upstream {
        let ledger = self.spool.ledger(upstream.reader);
        let backlog = self.spool.backlog(upstream.reader);
        let state = self.telemetry.witness().link(&upstream.name);
        let (fault, error) = state.last_fault.unzip();
        Upstream {
            name: upstream.name.clone(),
            mode: upstream.mode,
            address: upstream.address.clone(),
            link: Link {
                up: state.peer.is_some(),
                peer: state.peer,
                since: (state.since.0 > 0).then(|| state.since.to_string()),
                last_fault: fault.map(|kind| kind.as_str().to_owned()),
                last_error: error,
                stuck_at: state.stuck_at.map(|offset| offset.0),
            },
            cursor: self.spool.cursor(upstream.reader).0,
            received: ledger.received,
            delivered: ledger.delivered,
            waiting: ledger.waiting,
            waiting_bytes: backlog.bytes,
            lag_seconds: backlog.lag(UnixMillis::now()),
            dropped: ledger.dropped,
        }
    }
}
