use actix_web::{HttpRequest, HttpResponse, web::Data};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    devices::ago,
    house::{Flagged, House},
    problem::Problem,
    query::{limit, query},
};
use crate::{
    messages::Description,
    model::SessionId,
    telemetry::{Closed, Witness},
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct UnnamedQuery {
    /// Must be `unnamed`: those with a name are devices
    state: Option<String>,
    /// Most sessions of the answer, 1 to 1000; usually 100
    limit: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedQuery {
    /// Only endings with this reason
    reason: Option<String>,
    /// Only those of the device of this name
    name: Option<String>,
    /// Most sessions of the answer, 1 to 10000; usually 100
    limit: Option<usize>,
    /// Only endings before that of this session: `next` of the page before
    after: Option<String>,
}

/// Connections that have not said who they are.
#[derive(Serialize, ToSchema)]
pub(super) struct Unnamed {
    sessions: Vec<UnnamedSession>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
pub(super) struct UnnamedSession {
    /// The session.
    session: String,
    /// Where it connected to.
    listener: String,
    /// Where it connects from.
    peer: String,
    /// When it connected.
    connected_at: String,
    /// How long ago.
    connected_seconds: f64,
    /// Bytes read.
    received_bytes: u64,
    /// The first bytes that it has sent, 64 at most, in hexadecimal.
    first_bytes: String,
}

/// Sessions that are over, the last one first.
#[derive(Serialize, ToSchema)]
pub(super) struct ClosedSessions {
    sessions: Vec<ClosedSession>,
    /// There is more: ask again with `after` set to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
pub(super) struct ClosedSession {
    /// When it ended.
    time: String,
    /// The session.
    session: String,
    /// Its name, if it ever had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where it connected to.
    listener: String,
    /// Where it connected from.
    peer: String,
    /// How it ended.
    reason: &'static str,
    /// Bytes read.
    received_bytes: u64,
    /// Bytes written.
    sent_bytes: u64,
    /// How long it was connected.
    connected_seconds: f64,
    /// Without a name: the first bytes that it has sent, 64 at most, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bytes: Option<String>,
}

/// Connections without a name
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(UnnamedQuery),
    responses((status = 200, description = "They", body = Unnamed),
        (status = 400, description = "The query does not fit", body = Problem)))]
pub(super) async fn unnamed(
    request: HttpRequest,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let asked: UnnamedQuery = query(&request)?;
    if asked.state.as_deref() != Some("unnamed") {
        let why = "write state=unnamed; sessions with a name are listed by /api/devices";
        return Err(Problem::bad_request(why));
    }
    let most = limit(asked.limit, 100, 1000)?;
    let sessions = house.nameless(most).await?.into_iter().map(UnnamedSession::from).collect();
    Ok(HttpResponse::Ok().json(Unnamed { sessions }))
}

/// Names that flap.
#[derive(Serialize, ToSchema)]
pub(super) struct FlaggedNames {
    /// By name, 1,000 at most.
    names: Vec<FlaggedName>,
}

/// A name that flaps.
#[derive(Serialize, ToSchema)]
pub(super) struct FlaggedName {
    /// The name.
    name: String,
    /// `connects`: it comes more often than its listener's `flapping` takes for usual. `takeovers`: two
    /// connections take it from each other.
    why: &'static str,
    /// How often it came, where it comes too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    connects: Option<u32>,
    /// How long it has flapped.
    since_seconds: f64,
    /// How long it stays flagged, unless it goes on.
    lasts_seconds: f64,
    /// Whether it is connected at present.
    connected: bool,
}

/// Names that come and go all the time, whether they are connected or not
#[utoipa::path(get, path = "/api/flagged", tag = "sessions",
    responses((status = 200, description = "They", body = FlaggedNames)))]
pub(super) async fn flagged(house: Data<House>) -> HttpResponse {
    let names = house.names.flagged().into_iter().map(FlaggedName::from).collect();
    HttpResponse::Ok().json(FlaggedNames { names })
}

impl From<Flagged> for FlaggedName {
    fn from(flagged: Flagged) -> Self {
        Self {
            name: flagged.name.to_string(),
            why: flagged.why.as_str(),
            connects: (flagged.connects > 0).then_some(flagged.connects),
            since_seconds: flagged.since.as_secs_f64(),
            lasts_seconds: flagged.lasts.as_secs_f64(),
            connected: flagged.is_here,
        }
    }
}

/// The last 10,000 endings
#[utoipa::path(get, path = "/api/sessions/closed", tag = "sessions", params(ClosedQuery),
    responses((status = 200, description = "They", body = ClosedSessions),
        (status = 400, description = "The query does not fit", body = Problem)))]
pub(super) async fn closed(
    request: HttpRequest,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let asked: ClosedQuery = query(&request)?;
    let most = limit(asked.limit, 100, Witness::MOST_CLOSED)?;
    let before = asked.after.as_deref().map(session_id).transpose()?;
    let all = house.telemetry.witness().closed(before, usize::MAX);
    let is_wanted = |ended: &&std::sync::Arc<Closed>| {
        asked.reason.as_ref().is_none_or(|reason| reason == ended.reason.as_str())
            && (asked.name.is_none() || asked.name == ended.name)
    };
    let mut wanted = all.iter().filter(is_wanted);
    let sessions: Vec<_> = wanted.by_ref().take(most).map(|ended| (&**ended).into()).collect();
    let more = wanted.next().is_some();
    let last = sessions.last().map(|ended: &ClosedSession| ended.session.clone());
    Ok(HttpResponse::Ok().json(ClosedSessions { sessions, next: last.filter(|_| more) }))
}

pub(super) fn session_id(text: &str) -> Result<SessionId, Problem> {
    let read = u64::from_str_radix(text, 16).map(SessionId);
    read.map_err(|_| Problem::bad_request(format!("{text:?} is no session")))
}

impl From<Description> for UnnamedSession {
    fn from(session: Description) -> Self {
        Self {
            session: session.session.to_string(),
            listener: session.listener.to_string(),
            peer: session.peer,
            connected_at: ago(session.connected),
            connected_seconds: session.connected.as_secs_f64(),
            received_bytes: session.received_bytes,
            first_bytes: HEXLOWER.encode(&session.first_bytes),
        }
    }
}

impl From<&Closed> for ClosedSession {
    fn from(ended: &Closed) -> Self {
        let first = ended.name.is_none().then(|| HEXLOWER.encode(&ended.first_bytes));
        Self {
            time: ended.time.to_string(),
            session: ended.session.to_string(),
            name: ended.name.clone(),
            listener: ended.listener.clone(),
            peer: ended.peer.clone(),
            reason: ended.reason.as_str(),
            received_bytes: ended.received_bytes,
            sent_bytes: ended.sent_bytes,
            connected_seconds: ended.connected.as_secs_f64(),
            first_bytes: first,
        }
    }
}
