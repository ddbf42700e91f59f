use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Bytes, Data, Path},
};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    house::{CommandPort, House},
    problem::Problem,
    query::query,
};
use crate::{
    commands::{Refusal, Request, parse},
    messages::{Cancel, Look, Standing, Submit},
    model::CommandState,
    telemetry::Happening,
    units::Span,
};

/// Nobody waits longer for a command in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How far a command has come.
#[derive(Serialize, ToSchema)]
pub(super) struct Command {
    /// The sender's id, or one that was made up for it.
    id: String,
    /// The device.
    imei: String,
    /// `queued`, `written`, `acknowledged`, `answered`, `expired`, `cancelled`, `superseded`,
    /// `failed`.
    state: &'static str,
    /// Which attempt, from 1.
    attempt: u32,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What the device answered, as base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Whether this is its end.
    ended: bool,
    /// Whether it outlives a crash.
    durable: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandQuery {
    /// Answers when the command has ended, or after so long: `10s`, at most `30s`
    #[param(value_type = Option<String>)]
    wait: Option<Span>,
    /// With `wait`: answers as soon as its state is another one than this
    state: Option<String>,
}

/// Sends a command to a device: the keys of a web server's command, without `imei`; `command`, its
/// id, may be left out
#[utoipa::path(post, path = "/api/devices/{name}/commands", tag = "commands",
    params(("name" = String, Path, description = "The device, which need not be there")),
    request_body = Object,
    responses((status = 202, description = "It is kept, and goes out when it can", body = Command),
        (status = 400, description = "It cannot be understood", body = Problem),
        (status = 409, description = "Its id is taken by another one", body = Problem),
        (status = 429, description = "Too many wait", body = Problem),
        (status = 503, description = "Commands are not taken", body = Problem)))]
pub(super) async fn send(
    name: Path<String>,
    body: Bytes,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let mut command: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body is no JSON object: {error}")))?;
    command.insert("imei".to_owned(), name.as_str().into());
    let made_up = || format!("api-{:016x}", rand::random::<u64>()).into();
    command.entry("command").or_insert_with(made_up);
    let line = Value::Object(command).to_string();
    let asked = parse(&line).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let Request::Command(command) = asked else {
        return Err(Problem::bad_request("DELETE /api/commands/{id} cancels a command"));
    };
    let id = Arc::clone(&command.id);
    let port = port(&house)?;
    let answer = port.submit.send(Submit(*command)).await;
    answer.unwrap_or(Err(Refusal::Away)).map_err(|refusal| refused(&refusal))?;
    Ok(HttpResponse::Accepted().json(look(port, &house, &id).await?))
}

/// How far a command has come; known until 24 hours behind its end
#[utoipa::path(get, path = "/api/commands/{id}", tag = "commands",
    params(("id" = String, Path, description = "Its id"), CommandQuery),
    responses((status = 200, description = "Its state", body = Command),
        (status = 404, description = "There is no such command", body = Problem)))]
pub(super) async fn show(
    id: Path<String>,
    request: HttpRequest,
    house: Data<House>,
) -> Result<HttpResponse, Problem> {
    let asked: CommandQuery = query(&request)?;
    let (id, port) = (id.into_inner().into(), port(&house)?);
    let Some(wait) = asked.wait else {
        return Ok(HttpResponse::Ok().json(look(port, &house, &id).await?));
    };
    let until = Instant::now() + wait.get().min(LONGEST_WAIT);
    // Before it is looked at: what happens in between is heard.
    let mut feed = house.telemetry.witness().follow();
    loop {
        let command = look(port, &house, &id).await?;
        let is_news = asked.state.as_ref().is_some_and(|known| known != command.state);
        if command.ended || is_news || !hears_of(&id, &mut feed, until).await {
            return Ok(HttpResponse::Ok().json(command));
        }
    }
}

/// Waits until something has become of the command, at most until then.
async fn hears_of(id: &str, feed: &mut Receiver<Arc<Happening>>, until: Instant) -> bool {
    loop {
        match timeout_at(until, feed.recv()).await {
            Err(_) | Ok(Err(RecvError::Closed)) => return false,
            // It may be among what was missed.
            Ok(Err(RecvError::Lagged(_))) => return true,
            Ok(Ok(told)) if told.kind == "command" && told.facts["id"] == id => return true,
            Ok(Ok(_)) => {}
        }
    }
}

/// Cancels a command that still waits; of one that is on its way the state is told, and it is never
/// repeated
#[utoipa::path(delete, path = "/api/commands/{id}", tag = "commands",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Its state", body = Command),
        (status = 404, description = "There is no such command", body = Problem)))]
pub(super) async fn cancel(id: Path<String>, house: Data<House>) -> Result<HttpResponse, Problem> {
    let (id, port): (Arc<str>, _) = (id.into_inner().into(), port(&house)?);
    let answer = port.cancel.send(Cancel(Arc::clone(&id))).await;
    answer.unwrap_or(Err(Refusal::Away)).map_err(|refusal| refused(&refusal))?;
    Ok(HttpResponse::Ok().json(look(port, &house, &id).await?))
}

fn port(house: &House) -> Result<&CommandPort, Problem> {
    house.commands.as_ref().ok_or_else(|| refused(&Refusal::Off))
}

async fn look(port: &CommandPort, house: &House, id: &Arc<str>) -> Result<Command, Problem> {
    let standing = port.look.send(Look(Arc::clone(id))).await;
    let standing = standing.map_err(|_| refused(&Refusal::Away))?;
    let standing = standing.ok_or_else(|| refused(&Refusal::Unknown(Arc::clone(id))))?;
    Ok(Command::of(&standing, house))
}

impl Command {
    fn of(Standing { told, has_ended }: &Standing, house: &House) -> Self {
        let answered = told.state == CommandState::Answered;
        Self {
            id: told.id.to_string(),
            imei: told.name.as_str().to_owned(),
            state: told.state.as_str(),
            attempt: told.attempt,
            time: Some(told.time.to_string()),
            reason: told.reason.map(|reason| reason.as_str()),
            data: answered.then(|| BASE64.encode(&told.data)),
            ended: *has_ended,
            durable: house.spool.promised().is_some(),
        }
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let status = match refusal {
        Refusal::OtherContent(_) => StatusCode::CONFLICT,
        Refusal::DeviceFull(..) | Refusal::Full(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unknown(_) => StatusCode::NOT_FOUND,
        Refusal::Line(_) => StatusCode::BAD_REQUEST,
        Refusal::Journal(_) | Refusal::Away | Refusal::Off => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, refusal.to_string())
}
