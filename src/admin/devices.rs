use std::collections::HashMap;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    house::{Held, House},
    problem::Problem,
    query::{limit, query},
};
use crate::{
    messages::Description,
    model::{Name, SessionId, UnixMillis},
};

/// Most devices of one page.
const MOST: usize = 1000;

/// With `listener` so many pages of names are looked through for one answer.
const MOST_ROUNDS: usize = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct DevicesQuery {
    /// Only names that contain this, whatever its case
    search: Option<String>,
    /// Only devices of this listener
    listener: Option<String>,
    /// Most devices of the answer, 1 to 1000; usually 100
    limit: Option<usize>,
    /// Only names behind this one: `next` of the page before
    after: Option<String>,
}

/// A page of devices.
#[derive(Serialize, ToSchema)]
pub(super) struct Devices {
    /// Every event up to and including this offset is accounted for; later ones may be.
    as_of: u64,
    /// Names that are held, whatever was searched for.
    total: usize,
    /// By name.
    devices: Vec<Device>,
    /// There is more: ask again with `after` set to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A device that has said who it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Device {
    /// Its name.
    name: String,
    /// Its session.
    session: String,
    /// `claiming`, `granted`, `online` or `ending`.
    state: &'static str,
    /// Where it connected to.
    listener: String,
    /// Where it connects from.
    peer: String,
    /// When it connected.
    connected_at: String,
    /// How long ago.
    connected_seconds: f64,
    /// How long nothing was read from it; time in which devices pause does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_seconds: Option<f64>,
    /// Bytes read.
    received_bytes: u64,
    /// Bytes written.
    sent_bytes: u64,
    /// Data told to the web servers.
    data_events: u64,
    /// It is behind the connection of another device.
    is_behind: bool,
    /// The devices behind that connection, 100 at most; only where one device is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<String>,
    /// It came too often, or its name was taken over too often: `/api/flagged` says which.
    flagged: bool,
}

/// That a session is being ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Kicked {
    /// The device.
    name: String,
    /// The session that ends as `kicked`.
    session: String,
}

/// Devices by name, in pages
///
/// A name that is held all the time while pages are asked for is listed exactly once.
#[utoipa::path(get, path = "/api/devices", tag = "devices", params(DevicesQuery),
    responses((status = 200, description = "A page", body = Devices),
        (status = 400, description = "The query does not fit", body = Problem)))]
pub(super) async fn list(
    request: HttpRequest,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let asked: DevicesQuery = query(&request)?;
    let most = limit(asked.limit, 100, MOST)?;
    let search = asked.search.unwrap_or_default().to_ascii_lowercase();
    // Read before anybody is looked for, so that all that it stands for is seen.
    let as_of = house.spool.next().before().0;
    let mut after = asked.after.unwrap_or_default();
    let (mut devices, mut more) = (Vec::new(), true);
    for _ in 0..MOST_ROUNDS {
        let page = house.page(&after, &search, most).await?;
        more = page.more;
        for (name, device) in page.devices {
            if devices.len() == most {
                more = true;
                break;
            }
            after = name;
            let is_wanted = asked.listener.as_ref().is_none_or(|wanted| {
                device.as_ref().is_some_and(|device| device.listener == *wanted)
            });
            devices.extend(device.filter(|_| is_wanted));
        }
        if !more || devices.len() == most {
            break;
        }
    }
    let next = more.then_some(after);
    Ok(HttpResponse::Ok().json(Devices { as_of, total: house.names.count(), devices, next }))
}

/// One device
#[utoipa::path(get, path = "/api/devices/{name}", tag = "devices",
    params(("name" = String, Path, description = "The name, percent-encoded")),
    responses((status = 200, description = "It is here", body = Device),
        (status = 404, description = "It is not", body = Problem)))]
pub(super) async fn show(name: Path<String>, house: Data<House>) -> Result<HttpResponse, Problem> {
    let held = house.names.find(&name).ok_or_else(|| nobody(&name))?;
    let mut described = house.describe_patiently(vec![held]).await?;
    let device = described.pop().and_then(|(_, device)| device).ok_or_else(|| nobody(&name))?;
    Ok(HttpResponse::Ok().json(device))
}

/// Lets go of a device: what is queued for it is written, then its session ends as `kicked`
///
/// It may connect again at once.
#[utoipa::path(delete, path = "/api/devices/{name}/session", tag = "devices",
    params(("name" = String, Path, description = "The name, percent-encoded")),
    responses((status = 202, description = "Its session is being ended", body = Kicked),
        (status = 404, description = "It is not here", body = Problem)))]
pub(super) async fn kick(name: Path<String>, house: Data<House>) -> Result<HttpResponse, Problem> {
    let held = house.names.find(&name).ok_or_else(|| nobody(&name))?;
    if !house.kick(&held).await? {
        return Err(nobody(&name));
    }
    let session = held.session.to_string();
    Ok(HttpResponse::Accepted().json(Kicked { name: name.into_inner(), session }))
}

fn nobody(name: &str) -> Problem {
    Problem::not_found(format!("no device {name:?} is connected"))
}

/// Names in order, each with its device where that is still there, and whether there are more.
struct Page {
    devices: Vec<(String, Option<Device>)>,
    more: bool,
}

impl House {
    async fn page(&self, after: &str, search: &str, most: usize) -> Result<Page, Problem> {
        // One more than is asked for says whether there are more.
        let mut held = self.names.page(after, search, most + 1);
        let more = held.len() > most;
        held.truncate(most);
        Ok(Page { devices: self.describe_patiently(held).await?, more })
    }

    /// Asks the threads. Where a session is gone already, its name may have passed to the next one
    /// meanwhile: those are asked for again, once.
    async fn describe_patiently(
        &self,
        held: Vec<Held>,
    ) -> Result<Vec<(String, Option<Device>)>, Problem> {
        let mut found = self.describe(&held).await?;
        let moved: HashMap<SessionId, Held> = held
            .iter()
            .filter(|held| !found.contains_key(&held.session))
            .filter_map(|held| Some((held.session, self.names.find(held.name.as_str())?)))
            .filter(|(gone, now)| *gone != now.session)
            .collect();
        if !moved.is_empty() {
            let now: Vec<Held> = moved.values().cloned().collect();
            found.extend(self.describe(&now).await?);
        }
        let device = |held: Held| {
            let now = moved.get(&held.session).unwrap_or(&held);
            let device = found.remove(&now.session).map(|session| device(now, session));
            (held.name.to_string(), device)
        };
        Ok(held.into_iter().map(device).collect())
    }
}

fn device(held: &Held, session: Description) -> Device {
    Device {
        name: held.name.to_string(),
        session: session.session.to_string(),
        state: session.state,
        listener: session.listener.to_string(),
        peer: session.peer,
        connected_at: ago(session.connected),
        connected_seconds: session.connected.as_secs_f64(),
        silent_seconds: session.silent.map(|silent| silent.as_secs_f64()),
        received_bytes: session.received_bytes,
        sent_bytes: session.sent_bytes,
        data_events: session.data_events,
        is_behind: session.is_behind,
        beside: session.beside.iter().map(Name::to_string).collect(),
        flagged: held.flagged,
    }
}

/// The moment that was so long ago.
pub(super) fn ago(span: std::time::Duration) -> String {
    UnixMillis(UnixMillis::now().0.saturating_sub(span.as_millis() as u64)).to_string()
}
