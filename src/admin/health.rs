use std::time::Instant;

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::house::House;
use crate::health::{Beat, Flow};

/// That the process lives.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Whether devices are served.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether they are.
    ready: bool,
    /// Where the gateway is in its life: `starting`, `running`, `draining`, `flushing`.
    phase: &'static str,
    /// Links to web servers that are up. Without one the gateway is ready all the same: events wait.
    links_up: usize,
    /// Links that there should be.
    links: usize,
    /// Threads that stand still: `main`, `session-0` and so on.
    stuck_threads: Vec<String>,
    /// All threads.
    threads: Vec<Thread>,
    /// How much devices say; absent where nobody looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic>,
}

/// A thread of the gateway.
#[derive(Serialize, ToSchema)]
struct Thread {
    /// `main`; `session-0` and so on, where devices have threads of their own; `spool`; `admin`.
    name: String,
    /// How long ago it last said that it does its work. It does so each second.
    heartbeat_age_seconds: f64,
    /// It is too late with that.
    stands_still: bool,
}

/// How much devices say.
#[derive(Serialize, ToSchema)]
struct Traffic {
    /// How long is looked at.
    window_seconds: f64,
    /// Events of data within that time.
    messages: u64,
    /// In the same time before. During a silence: before it began.
    before: u64,
    /// The devices have fallen silent. That alone does not make the gateway unready.
    quiet: bool,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Whether devices are served: 503 while the gateway starts or stops, or a thread stands still
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "They are", body = Readiness),
        (status = 503, description = "They are not", body = Readiness)))]
pub(super) async fn readyz(house: Data<House>) -> HttpResponse {
    let readiness = house.readiness();
    match readiness.ready {
        true => HttpResponse::Ok().json(readiness),
        false => HttpResponse::ServiceUnavailable()
            .insert_header(("content-type", super::problem::CONTENT_TYPE))
            .body(not_ready(&readiness)),
    }
}

/// A problem document with what is known beside it.
fn not_ready(readiness: &Readiness) -> String {
    let why = match readiness.stuck_threads.is_empty() {
        true => format!("the gateway is {}", readiness.phase),
        false => format!("threads stand still: {}", readiness.stuck_threads.join(", ")),
    };
    let problem = super::problem::Problem::unavailable(why);
    let mut whole = serde_json::to_value(problem).unwrap_or_default();
    if let (Some(whole), Ok(serde_json::Value::Object(facts))) =
        (whole.as_object_mut(), serde_json::to_value(readiness))
    {
        whole.extend(facts);
    }
    whole.to_string()
}

impl House {
    fn readiness(&self) -> Readiness {
        let phase = *self.phase.borrow();
        let beats = self.health.heartbeats.look(Instant::now());
        let still = beats.iter().filter(|beat| beat.stands_still);
        let stuck_threads: Vec<_> = still.map(|beat| beat.name.clone()).collect();
        let (witness, upstreams) = (self.telemetry.witness(), self.ends.upstreams());
        let is_up = |name: &str| witness.link(name).peer.is_some();
        Readiness {
            ready: phase == "running" && stuck_threads.is_empty(),
            phase,
            links_up: upstreams.iter().filter(|upstream| is_up(&upstream.name)).count(),
            links: upstreams.len(),
            stuck_threads,
            threads: beats.into_iter().map(Thread::from).collect(),
            traffic: self.health.flow().map(Traffic::from),
        }
    }
}

impl From<Beat> for Thread {
    fn from(beat: Beat) -> Self {
        Self {
            name: beat.name,
            heartbeat_age_seconds: beat.age.as_secs_f64(),
            stands_still: beat.stands_still,
        }
    }
}

impl From<Flow> for Traffic {
    fn from(flow: Flow) -> Self {
        let Flow { window, messages, before, quiet } = flow;
        Self { window_seconds: window.as_secs_f64(), messages, before, quiet }
    }
}
