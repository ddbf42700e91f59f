use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer, Route,
    dev::ServerHandle,
    http::{Method, header},
    middleware::from_fn,
    web::{self, Data, PayloadConfig},
};
use tokio::sync::{mpsc, watch};

use super::{
    AdminFault, Settings, commands, devices, events, gateway,
    guard::{self, Guard},
    health,
    house::House,
    login, metrics, openapi, page,
    problem::Problem,
    reload::{self, ReloadWish, Reloads},
    sessions, taps,
    tokens::Tokens,
    upstreams,
};
use crate::{
    health::{Heart, PATIENCE},
    net::Address,
};

/// Most bytes of a body.
const MOST_BODY: usize = 1 << 20;

/// Most connections at a time; more wait in the kernel.
const MOST_CONNECTIONS: usize = 24;

/// The address of the API, taken and not answered at yet.
pub struct Door {
    listener: TcpListener,
    address: Address,
    tokens: Tokens,
}

/// The API while it answers.
pub struct RunningAdmin {
    address: String,
    /// As it is set.
    wanted: Address,
    guard: Arc<Guard>,
    phase: watch::Sender<&'static str>,
    reloads: Reloads,
    server: ServerHandle,
    heart: Arc<Heart>,
}

impl Door {
    /// Descriptors that the API may take.
    pub const DESCRIPTORS: usize = MOST_CONNECTIONS + 8;

    /// Takes the address, and reads the tokens.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn open(settings: &Settings) -> Result<Self, AdminFault> {
        let address: Address = settings.address.parse()?;
        let tokens = Tokens::read(settings, &address)?;
        let failed = |error| AdminFault::Bind { address: settings.address.clone(), error };
        let Address::Tcp { host, port } = &address else {
            return Err(failed(std::io::ErrorKind::Unsupported.into()));
        };
        let listener = TcpListener::bind((host.as_str(), *port)).map_err(failed)?;
        Ok(Self { listener, address, tokens })
    }

    /// Answers from now on; `phase` is what the house's `phase` follows.
    ///
    /// # Errors
    /// What the system said.
    pub fn answer(
        self,
        house: House,
        phase: watch::Sender<&'static str>,
    ) -> Result<RunningAdmin, AdminFault> {
        let shown = self.listener.local_addr().map(|address| address.to_string());
        let shown = shown.unwrap_or_else(|_| self.address.to_string());
        let failed = |error| AdminFault::Bind { address: shown.clone(), error };
        let (telemetry, reloads) = (house.telemetry.clone(), house.reloads.clone());
        let guard = Arc::new(Guard::new(&self.address, self.tokens, telemetry.clone()));
        let heart = Heart::of_helper("admin", PATIENCE);
        house.health.heartbeats.add(Arc::clone(&heart));
        let (house, worker) = (Data::new(house), Arc::clone(&heart));
        let door = Arc::clone(&guard);
        let server = HttpServer::new(move || {
            let guard = Arc::clone(&door);
            // The worker's thread calls this.
            worker.beat_here();
            App::new()
                .app_data(house.clone())
                .app_data(Data::from(Arc::clone(&guard)))
                .app_data(PayloadConfig::new(MOST_BODY))
                .wrap(from_fn(move |request, next| guard::guard(Arc::clone(&guard), request, next)))
                .configure(routes)
                .default_service(web::to(|| async { Err::<&str, _>(nothing_here()) }))
        });
        let server = server
            .workers(1)
            .max_connections(MOST_CONNECTIONS)
            .client_request_timeout(Duration::from_secs(5))
            .shutdown_timeout(1)
            .disable_signals()
            .listen(self.listener)
            .map_err(failed)?
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        telemetry.admin_listening(&shown);
        let wanted = self.address;
        Ok(RunningAdmin { address: shown, wanted, guard, phase, reloads, server: handle, heart })
    }
}

impl RunningAdmin {
    /// Where it answers, with the port that the kernel chose.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The tokens that `settings` name, for the address that is listened on.
    ///
    /// # Errors
    /// One cannot be read, or there is none and there must be.
    pub fn tokens(&self, settings: &Settings) -> Result<Tokens, AdminFault> {
        Tokens::read(settings, &self.wanted)
    }

    /// From now on these are let in; answers the names of those whose secret is another.
    pub fn let_in(&self, tokens: Tokens) -> Vec<String> {
        self.guard.let_in(tokens)
    }

    /// What is asked of whoever reads the configuration; `None` where somebody listens already.
    pub fn reload_wishes(&self) -> Option<mpsc::Receiver<ReloadWish>> {
        self.reloads.take()
    }

    /// The gateway enters this phase of its life.
    pub fn enter(&self, phase: &'static str) {
        self.phase.send_replace(phase);
    }

    /// Answers nobody any more.
    pub async fn stop(&self) {
        self.heart.retire();
        self.server.stop(false).await;
    }
}

fn nothing_here() -> Problem {
    Problem::of_status(actix_web::http::StatusCode::NOT_FOUND)
}

/// Every address there is. HEAD goes where GET does.
fn routes(config: &mut web::ServiceConfig) {
    let mut at = |path: &str, routes: Vec<(Method, Route)>| {
        let allow: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
        let allow = allow.join(", ").replace("GET", "GET, HEAD");
        let refuse = move || {
            let mut answer = actix_web::HttpResponse::MethodNotAllowed();
            answer.insert_header((header::ALLOW, allow.clone()));
            std::future::ready(answer.finish())
        };
        let resource = routes
            .into_iter()
            .fold(web::resource(path.to_owned()), |resource, (_, route)| resource.route(route));
        config.service(resource.default_service(web::to(refuse)));
    };
    let get = |route: Route| vec![(Method::GET, route)];
    at("/healthz", get(web::get().to(health::healthz)));
    at("/readyz", get(web::get().to(health::readyz)));
    at("/metrics", get(web::get().to(metrics::metrics)));
    at("/api/devices", get(web::get().to(devices::list)));
    at("/api/devices/{name}", get(web::get().to(devices::show)));
    at("/api/devices/{name}/session", vec![(Method::DELETE, web::delete().to(devices::kick))]);
    at("/api/devices/{name}/tap", get(web::get().to(taps::of_device)));
    at("/api/devices/{name}/commands", vec![(Method::POST, web::post().to(commands::send))]);
    at(
        "/api/commands/{id}",
        vec![
            (Method::GET, web::get().to(commands::show)),
            (Method::DELETE, web::delete().to(commands::cancel)),
        ],
    );
    at("/api/sessions", get(web::get().to(sessions::unnamed)));
    at("/api/sessions/closed", get(web::get().to(sessions::closed)));
    at("/api/sessions/{id}/tap", get(web::get().to(taps::of_session)));
    at("/api/flagged", get(web::get().to(sessions::flagged)));
    at("/api/upstreams", get(web::get().to(upstreams::list)));
    at("/api/upstreams/{name}/skip", vec![(Method::POST, web::post().to(upstreams::skip))]);
    at("/api/events", get(web::get().to(events::follow)));
    at("/api/reload", vec![(Method::POST, web::post().to(reload::reload))]);
    at("/api/gateway", get(web::get().to(gateway::show)));
    at(
        "/api/login",
        vec![
            (Method::GET, web::get().to(login::show)),
            (Method::POST, web::post().to(login::open)),
            (Method::DELETE, web::delete().to(login::close)),
        ],
    );
    for path in page::paths() {
        at(path, get(web::get().to(page::answer)));
    }
    at("/api/openapi.json", get(web::get().to(openapi::document)));
}
