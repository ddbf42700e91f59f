use actix_web::{HttpResponse, web::Data};

use super::{gauges::gauges, house::House, problem::Problem};
use crate::telemetry::metrics::{CONTENT_TYPE, render};

/// All counts and gauges, as Prometheus reads them (OpenMetrics text)
#[utoipa::path(get, path = "/metrics", tag = "metrics",
    responses((status = 200, description = "The text", content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(house: Data<House>) -> Result<HttpResponse, Problem> {
    let text = render(&house.telemetry.counts().snapshot(), &gauges(&house));
    let text = text.map_err(|_| Problem::unavailable("the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
