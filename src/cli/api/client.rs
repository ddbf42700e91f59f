use std::{fs, path::Path, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{ApiFault, url::ApiUrl};
use crate::config::printable;

/// The gateway may take so long to answer; it waits for a command for less.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks an admin API.
pub(super) struct Client {
    url: ApiUrl,
    token: Option<String>,
}

/// The token in a file.
pub(super) fn token(path: &Path) -> Result<String, ApiFault> {
    let fault = |why: String| ApiFault::Usage(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    match token.is_empty() {
        true => Err(fault("it holds no token".to_owned())),
        false => Ok(token.to_owned()),
    }
}

impl Client {
    pub fn new(url: ApiUrl, token: Option<String>) -> Self {
        Self { url, token }
    }

    /// Asks for JSON.
    pub async fn json(&self, target: &str) -> Result<Value, ApiFault> {
        let answer = self.get(target).await?;
        self.read(answer).await
    }

    /// Asks for something to be done, and for JSON about it.
    pub async fn change(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiFault> {
        let answer = self.ask(method, target, body).await?;
        self.read(answer).await
    }

    /// Asks, and answers what has a good status.
    pub async fn get(&self, target: &str) -> Result<Response<Incoming>, ApiFault> {
        self.ask(Method::GET, target, None).await
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, ApiFault> {
        let asked = timeout(PATIENCE, self.send(method, target, body)).await;
        let answer = asked.map_err(|_| self.fault("no answer in time"))??;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem = self.read(answer).await.unwrap_or_default();
        Err(self.refused(status, &problem))
    }

    /// What the gateway does not do. What was wrong about the question is bad usage.
    fn refused(&self, status: StatusCode, problem: &Value) -> ApiFault {
        let faults: Vec<_> = problem["faults"].as_array().into_iter().flatten().collect();
        if !faults.is_empty() {
            let lines = faults.iter().filter_map(|fault| fault.as_str()).map(printable);
            return ApiFault::Faults(lines.collect());
        }
        let why = problem["detail"].as_str().unwrap_or("it says no more");
        match status {
            StatusCode::BAD_REQUEST => ApiFault::Usage(printable(why)),
            _ => self.fault(&format!("{status}: {why}")),
        }
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<Value, ApiFault> {
        let body = timeout(PATIENCE, answer.into_body().collect()).await;
        let body = body.map_err(|_| self.fault("no answer in time"))?;
        let body = body.map_err(|error| self.fault(&error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| self.fault(&format!("no JSON: {error}")))
    }

    async fn send(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, ApiFault> {
        let stream = TcpStream::connect((self.url.host.as_str(), self.url.port)).await;
        let stream = stream.map_err(|error| {
            self.fault(&format!("{error}; is the gateway running, and its [admin] switched on?"))
        })?;
        let failed = |error: hyper::Error| self.fault(&error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        request = request.header(header::HOST, &self.url.authority);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| ApiFault::Usage(error.to_string()))?;
        sender.send_request(request).await.map_err(failed)
    }

    pub fn fault(&self, why: &str) -> ApiFault {
        ApiFault::Failed(format!("http://{}: {}", self.url.authority, printable(why)))
    }
}
