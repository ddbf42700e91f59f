//! TLS towards a web server: whom it trusts, and what its faults mean.

use std::{io, sync::Arc};

use rustls_native_certs::load_native_certs;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        CertificateError, ClientConfig, Error, InvalidMessage, RootCertStore, crypto::ring,
        pki_types::ServerName,
    },
};

use super::{
    super::{LinkFault, LinkFaultKind},
    target::Target,
};

/// The authorities of this machine are read once: files of some hundred kilobytes.
static TRUST: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

/// Agrees on TLS over `stream`.
///
/// # Errors
/// [`LinkFaultKind::Tls`] with what to do, or how the connection broke.
pub(super) async fn agree(
    target: &Target,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, LinkFault> {
    let fault = |detail: String| LinkFault::new(LinkFaultKind::Tls, target.to_string(), detail);
    let trust = TRUST.get_or_try_init(trusted).await.map_err(fault)?;
    let name =
        ServerName::try_from(target.host.clone()).map_err(|error| fault(error.to_string()))?;
    let connected = TlsConnector::from(Arc::clone(trust)).connect(name, stream).await;
    connected.map_err(|error| match tls_error(&error) {
        Some(error) => fault(remedy(error)),
        None => LinkFault::from_io(target.to_string(), &error),
    })
}

async fn trusted() -> Result<Arc<ClientConfig>, String> {
    let read = spawn_blocking(|| {
        let found = load_native_certs();
        let mut roots = RootCertStore::empty();
        let (known, _) = roots.add_parsable_certificates(found.certs);
        (known > 0).then_some(roots).ok_or(found.errors)
    });
    let roots = read.await.map_err(|error| error.to_string())?.map_err(|errors| {
        let why = errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        format!(
            "this machine trusts no authority{why}; install ca-certificates, or name a file of \
             certificates in the environment, SSL_CERT_FILE"
        )
    })?;
    client(roots).map_err(|error| error.to_string())
}

/// HTTP/1.1 over TLS 1.2 or 1.3, with ring whatever else the process holds.
fn client(roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What is wrong, and what to do.
fn remedy(error: &Error) -> String {
    use CertificateError as Bad;
    match error {
        Error::InvalidCertificate(bad) => match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the certificate is for another name; write the name that stands in it into url"
                    .to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "the certificate has expired; renew it, or set this machine's clock".to_owned()
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "the certificate is not valid yet; set this machine's clock".to_owned()
            }
            other => format!(
                "the certificate is not trusted here ({other}); add its authority to those of this \
                 machine, or name its file in the environment, SSL_CERT_FILE"
            ),
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "no TLS is spoken there; write http://, or the port where it is".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_certificate_says_what_to_do() {
        let table = [
            (CertificateError::UnknownIssuer, "SSL_CERT_FILE"),
            (CertificateError::BadSignature, "SSL_CERT_FILE"),
            (CertificateError::NotValidForName, "into url"),
            (CertificateError::Expired, "renew it"),
            (CertificateError::NotValidYet, "clock"),
        ];
        for (bad, what) in table {
            let text = remedy(&Error::InvalidCertificate(bad));
            assert!(text.contains(what), "{text}");
        }
        let plain = remedy(&Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(plain.contains("write http://"), "{plain}");
    }
}
