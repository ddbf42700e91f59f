use std::pin::Pin;

use super::{
    CONNECT_TIMEOUT, HttpLink, Link, LinkFault, LinkFaultKind, LinkType, UpstreamSettings, dial,
};
use crate::net::{Address, AddressFault};

/// One try to connect.
pub type Dialling<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Link>, LinkFault>> + 'a>>;

/// How a link is made to a web server that we connect to.
pub trait Dial {
    /// Tries once to connect to the web server of these settings, and gives up by itself.
    fn dial<'a>(&'a self, settings: &'a UpstreamSettings) -> Dialling<'a>;
}

/// Connects to `address` or `url`, over the machine's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByAddress;

impl Dial for ByAddress {
    fn dial<'a>(&'a self, settings: &'a UpstreamSettings) -> Dialling<'a> {
        Box::pin(async move {
            if settings.kind == LinkType::Http {
                let link: Box<dyn Link> = Box::new(HttpLink::dial(settings).await?);
                return Ok(link);
            }
            let address: Address = settings.address.parse().map_err(|fault: AddressFault| {
                LinkFault::new(LinkFaultKind::Resolve, &*settings.address, fault.to_string())
            })?;
            dial(&address, &settings.keepalive, CONNECT_TIMEOUT).await
        })
    }
}
