use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::timeout,
};
use utoipa::ToSchema;

use super::{house::House, problem::Problem};

/// A reload may take so long: host names are looked up, extensions are asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody wants the configuration read anew.
pub struct ReloadWish {
    /// Takes what became of it.
    pub answer: oneshot::Sender<Result<ReloadReport, NotReloaded>>,
}

/// What was wrong with the configuration, one text for each fault; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReloaded(pub Vec<String>);

/// What a reload has changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReloadReport {
    /// What holds from now on. Devices that are connected stay, served as they were let in.
    pub applied: Vec<Changed>,
    /// What holds after the next start only.
    pub needs_restart: Vec<Changed>,
    /// What is doubtful about the configuration.
    pub warnings: Vec<String>,
}

/// A value that is another one now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Changed {
    /// Its key, such as `listener.dtu.idle_timeout`, or the file of a protocol.
    pub key: String,
    /// What it was; absent where there was nothing. Secrets are masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent where there is nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Value>,
}

/// The way to whoever reads the configuration, once there is somebody.
#[derive(Clone, Default)]
pub struct Reloads(Arc<OnceLock<mpsc::Sender<ReloadWish>>>);

impl Reloads {
    /// Takes wishes from now on; `None` where somebody does already.
    pub fn take(&self) -> Option<mpsc::Receiver<ReloadWish>> {
        let (wish, wishes) = mpsc::channel(1);
        self.0.set(wish).ok().map(|()| wishes)
    }
}

/// Reads the configuration anew, as SIGHUP does: all of it that can change while the gateway runs
/// takes hold, or nothing; no device is dropped
#[utoipa::path(post, path = "/api/reload", tag = "configuration",
    responses((status = 200, description = "What has changed", body = ReloadReport),
        (status = 409, description = "A reload is under way", body = Problem),
        (status = 422, description = "It has faults, each told in `faults`; nothing has changed",
            body = Problem),
        (status = 503, description = "The gateway stops, or has not come to it within a minute",
            body = Problem),
        (status = 501, description = "This program does not read its configuration anew",
            body = Problem)))]
pub(super) async fn reload(house: Data<House>) -> Result<HttpResponse, Problem> {
    let wishes = house.reloads.0.get().ok_or_else(|| {
        let why = "this program does not read its configuration anew; start it afresh";
        Problem::new(StatusCode::NOT_IMPLEMENTED, why)
    })?;
    let (answer, answered) = oneshot::channel();
    let stopping = || Problem::unavailable("the gateway does not reload any more, or not now");
    wishes.try_send(ReloadWish { answer }).map_err(|fault| match fault {
        TrySendError::Full(_) => {
            let why = "a reload is under way; ask again when it is done";
            Problem::new(StatusCode::CONFLICT, why)
        }
        TrySendError::Closed(_) => stopping(),
    })?;
    let answered = timeout(PATIENCE, answered).await.map_err(|_| stopping())?;
    match answered.map_err(|_| stopping())? {
        Ok(report) => Ok(HttpResponse::Ok().json(report)),
        Err(NotReloaded(faults)) => Err(Problem::with_faults(
            "the configuration has faults, and nothing has changed",
            faults,
        )),
    }
}
