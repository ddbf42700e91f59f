use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::io::unix::AsyncFd;

use super::{StartFault, profile::profile};
use crate::{
    actors::ListenerSettings,
    config::Loaded,
    extension::{Extensions, Happened, Occurrence, Verdict},
    link::{Mode, UpstreamSettings},
    messages::ListenerProfile,
    net::{Address, KeepaliveSettings, Listener, kernel},
    protocol::Codes,
    units::Auto,
};

/// A listener that is bound and does not accept yet.
pub struct Bound {
    pub name: String,
    /// None where connections only come by message.
    pub listener: Option<Rc<AsyncFd<Listener>>>,
    /// Where it listens, with the port that the kernel chose; unbound: as it is set.
    pub address: String,
    pub profile: Arc<ListenerProfile>,
    pub max_connections: u32,
}

/// Binds the addresses of all listeners, unless they are to be left `unbound`.
pub fn bind_listeners(
    loaded: &Loaded,
    codes: &Codes,
    unbound: bool,
) -> Result<Vec<Bound>, StartFault> {
    let all = loaded.config.listener.iter();
    all.map(|(name, settings)| bind_listener(loaded, name, settings, codes, unbound)).collect()
}

/// Binds the address of one listener, unless it is to be left `unbound`.
pub fn bind_listener(
    loaded: &Loaded,
    name: &str,
    settings: &ListenerSettings,
    codes: &Codes,
    unbound: bool,
) -> Result<Bound, StartFault> {
    let profile = profile(loaded, name, settings, codes)?;
    let listener = match unbound {
        true => None,
        false => {
            let care = (settings.keepalive, settings.user_timeout.non_zero());
            let key = format!("listener.{name}");
            Some(bind(&key, &settings.address, settings.backlog, Some(care))?)
        }
    };
    let address = listener.as_ref().map(|listener| listener.get_ref().address().to_owned());
    Ok(Bound {
        name: name.to_owned(),
        listener,
        address: address.unwrap_or_else(|| settings.address.clone()),
        profile,
        max_connections: most(settings.max_connections),
    })
}

/// Binds the addresses of upstreams that connect to us at an address of their own, unless they are
/// to be left `unbound`; in the order of the upstreams.
pub fn bind_upstreams(
    loaded: &Loaded,
    unbound: bool,
) -> Result<Vec<Option<Rc<AsyncFd<Listener>>>>, StartFault> {
    let own = |(name, settings): (&String, &UpstreamSettings)| {
        if unbound || settings.mode != Mode::Accept || settings.listener.is_some() {
            return Ok(None);
        }
        bind(&format!("upstream.{name}"), &settings.address, 16, None).map(Some)
    };
    loaded.config.upstream.iter().map(own).collect()
}

/// How connections are kept alive, and how long bytes may stay unacknowledged.
type Care = (KeepaliveSettings, Option<Duration>);

fn bind(
    key: &str,
    address: &str,
    backlog: u32,
    care: Option<Care>,
) -> Result<Rc<AsyncFd<Listener>>, StartFault> {
    let address: Address = address.parse()?;
    let bind_fault = |fault| StartFault::Bind { key: key.to_owned(), fault };
    let mut listener = Listener::bind(&address, backlog).map_err(bind_fault)?;
    if let Some((keepalive, user_timeout)) = care {
        let system = |error| StartFault::System { what: "preparing a listener", error };
        listener = listener.preparing(keepalive, user_timeout).map_err(system)?;
    }
    let system = |error| StartFault::System { what: "watching a listener", error };
    kernel::watch(listener).map(Rc::new).map_err(system)
}

/// Tells extensions of the listeners, and asks whether they may be.
pub async fn ask_about(bound: &[Bound], extensions: &Extensions) -> Result<(), StartFault> {
    for bound in bound {
        let what = Happened::Listening(bound.address.as_str().into());
        let occurrence = Occurrence::of_listener(what, bound.profile.name.clone());
        extensions.tell([occurrence.clone()].into());
        if let Verdict::Refuse(why) = extensions.ask(occurrence).await.verdict {
            return Err(StartFault::Refused { listener: bound.name.clone(), why });
        }
    }
    Ok(())
}

/// Most connections at a time.
pub fn most(max_connections: Auto) -> u32 {
    match max_connections {
        Auto::Auto => u32::MAX,
        Auto::Count(count) => u32::try_from(count).unwrap_or(u32::MAX),
    }
}
