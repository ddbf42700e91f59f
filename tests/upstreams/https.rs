//! Upstreams by HTTPS: who is trusted, and what is said of those who are not.

use std::{process::Command, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{
    hand::{QUICK, listener, toml},
    harness::{Dtu, process::Program, start, until, within},
    poster::{Poster, Reply},
};

/// A web server by HTTPS with a certificate for this name, and the certificate as PEM.
async fn secure(name: &str) -> (Poster, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = listener().await;
    let poster = Poster::unheard(&listener, |_| Reply::status(200));
    let server = poster.clone();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (server, acceptor) = (server.clone(), acceptor.clone());
            actix_rt::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    server.serve(&mut BufReader::new(stream)).await;
                }
            });
        }
    });
    (poster, cert.pem())
}

fn upstream(host: &str, web: &Poster) -> String {
    let port = web.address.rsplit_once(':').unwrap().1;
    format!("[upstream.web]\ntype = 'http'\nurl = 'https://{host}:{port}/in'\n{QUICK}\n")
}

/// The program with `certificate` as the only one that it trusts.
fn trusting(certificate: &str, upstream: &str) -> Program {
    let folder = Arc::new(TempDir::new().unwrap());
    let file = folder.path().join("trusted.pem");
    std::fs::write(&file, certificate).unwrap();
    let mut command = Command::new("/usr/bin/env");
    command.arg(format!("SSL_CERT_FILE={}", file.display())).arg(env!("CARGO_BIN_EXE_tetherd"));
    Program::launched(command, &folder, &toml("5s", "", upstream))
}

#[actix_rt::test]
async fn events_go_to_a_web_server_whose_certificate_is_trusted() {
    let (web, certificate) = secure("localhost").await;
    let program = trusting(&certificate, &upstream("localhost", &web));
    let mut device = Dtu::connect(&program.address("dtu").await).await;
    device.write(b"ETUNG:a\r\n").await;
    device.write(b"in secret").await;
    until("they are there", || web.data() == b"in secret").await;
    assert_eq!(web.posted()[0].headers["host"], web.address.replace("127.0.0.1", "localhost"));
}

#[actix_rt::test]
async fn a_certificate_for_another_name_is_told_with_what_to_do() {
    let (web, certificate) = secure("elsewhere.example").await;
    let program = trusting(&certificate, &upstream("localhost", &web));
    let told = program.says("link down", |_| true).await;
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("write the name that stands in it into url"), "{error}");
    assert_eq!((told["kind"].as_str(), web.requests()), (Some("tls"), 0));
}

#[actix_rt::test]
async fn nothing_goes_to_a_web_server_that_nobody_trusts_or_that_speaks_no_tls() {
    let (stranger, _) = secure("localhost").await;
    let plain = Poster::new(|_| Reply::status(200)).await;
    let table =
        [(&stranger, "name its file in the environment, SSL_CERT_FILE"), (&plain, "write http://")];
    for (web, what) in table {
        let toml = toml("50ms", "", &upstream("localhost", web));
        let (gateway, telemetry, records) = start(&toml, |builder| builder).await;
        until("it is told", || records.count("link down") > 6).await;
        let told = records.all().into_iter().find(|entry| entry.message == "link down").unwrap();
        assert_eq!(told.get("kind").as_deref(), Some("tls"));
        let error = told.get("error").unwrap();
        assert!(error.contains(what), "{error}");
        assert_eq!((web.requests(), telemetry.counts().links_stuck.get()), (0, 0));
        within(gateway.stop()).await;
    }
}
