use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{
    commands, devices, events, gateway, health, login, metrics, problem, reload, sessions, taps,
    upstreams,
};

/// All of the API, from the code that answers it.
#[derive(OpenApi)]
#[openapi(
    info(title = "tetherd", description = "Who is here, who was, and how the web servers fare."),
    paths(
        health::healthz,
        health::readyz,
        metrics::metrics,
        gateway::show,
        login::show,
        login::open,
        login::close,
        devices::list,
        devices::show,
        devices::kick,
        commands::send,
        commands::show,
        commands::cancel,
        sessions::unnamed,
        sessions::closed,
        sessions::flagged,
        taps::of_device,
        taps::of_session,
        upstreams::list,
        upstreams::skip,
        events::follow,
        reload::reload,
        document,
    ),
    components(schemas(problem::Problem))
)]
pub(super) struct Api;

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "api",
    responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok().json(Api::openapi())
}
