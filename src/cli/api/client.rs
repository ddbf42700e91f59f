use std::{fs, path::Path, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{ApiFault, url::ApiUrl};

/// The gateway may take so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let body = timeout(PATIENCE, answer.into_body().collect()).await;
        let body = body.map_err(|_| self.fault("no answer in time"))?;
        let body = body.map_err(|error| self.fault(&error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| self.fault(&format!("no JSON: {error}")))
    }

    /// Asks, and answers what has a good status.
    pub async fn get(&self, target: &str) -> Result<Response<Incoming>, ApiFault> {
        let asked = timeout(PATIENCE, self.send(target)).await;
        let answer = asked.map_err(|_| self.fault("no answer in time"))??;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.into_body().collect().await.map(|body| body.to_bytes());
        let problem: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        let why = problem["detail"].as_str().unwrap_or("it says no more");
        Err(self.fault(&format!("{status}: {why}")))
    }

    async fn send(&self, target: &str) -> Result<Response<Incoming>, ApiFault> {
        let stream = TcpStream::connect((self.url.host.as_str(), self.url.port)).await;
        let stream = stream.map_err(|error| {
            self.fault(&format!("{error}; is the gateway running, and its [admin] switched on?"))
        })?;
        let failed = |error: hyper::Error| self.fault(&error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        let mut request = Request::get(target).header(header::HOST, &self.url.authority);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new());
        let request = request.map_err(|error| ApiFault::Usage(error.to_string()))?;
        sender.send_request(request).await.map_err(failed)
    }

    pub fn fault(&self, why: &str) -> ApiFault {
        ApiFault::Failed(format!(
            "http://{}: {}",
            self.url.authority,
            crate::config::printable(why)
        ))
    }
}
