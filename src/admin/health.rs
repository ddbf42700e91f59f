use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::house::House;

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
    /// Threads that answer nobody: `main`, or the number of a session thread.
    stuck_threads: Vec<String>,
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
    let phase = *house.phase.borrow();
    let stuck_threads = house.stuck_threads().await;
    let witness = house.telemetry.witness();
    let is_up = |name: &str| witness.link(name).peer.is_some();
    let readiness = Readiness {
        ready: phase == "running" && stuck_threads.is_empty(),
        phase,
        links_up: house.upstreams.iter().filter(|upstream| is_up(&upstream.name)).count(),
        links: house.upstreams.len(),
        stuck_threads,
    };
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
