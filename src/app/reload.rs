use std::sync::Arc;

use super::{
    Gateway, StartFault,
    admin::show_ends,
    binding::{Bound, ask_about, bind_listener, most},
    listening::web_servers_at,
    profile::profile,
};
use crate::{
    actors::Reconnect,
    admin::Tokens,
    config::{Change, Config, Loaded, changes},
    link::{Mode, UpstreamSettings},
    messages::{ListenerProfile, Reconfigure},
};

/// What became of another configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reloaded {
    /// What holds from now on. Devices that are connected stay, served as they were let in.
    pub applied: Vec<Change>,
    /// What holds after the next start only.
    pub needs_restart: Vec<Change>,
}

/// Everything that can fail, done before anything is changed.
#[derive(Default)]
struct Plan {
    added: Vec<Bound>,
    changed: Vec<(String, Arc<ListenerProfile>, u32)>,
    removed: Vec<String>,
    /// Upstreams whose links are made anew.
    reconnected: Vec<(String, UpstreamSettings)>,
    /// Who may ask the admin API, if there is one and there still is to be one.
    tokens: Option<Tokens>,
}

impl Gateway {
    /// Takes another configuration over: all of it that can be changed while it runs, or nothing if
    /// any of that fails. No device is dropped: a listener that is gone accepts nobody any more, and
    /// who was let in stays.
    ///
    /// # Errors
    /// What stands in the way; everything is as before then.
    pub async fn reload(&mut self, mut new: Loaded) -> Result<Reloaded, StartFault> {
        let (mut applied, needs_restart): (Vec<_>, Vec<_>) = changes(&self.loaded, &new)
            .into_iter()
            .partition(|change| self.takes_hold(change, &new));
        self.keep_addresses(&mut new);
        let plan = self.plan(&new)?;
        ask_about(&plan.added, &self.parts.extensions).await?;
        applied.extend(self.carry_out(plan, &new).iter().map(|name| rotated(name)));
        self.remember(new);
        show_ends(&self.loaded.config, &self.parts);
        Ok(Reloaded { applied, needs_restart })
    }

    /// Whole listeners may come and go; upstreams may not, and stay with whoever connects to whom.
    fn takes_hold(&self, change: &Change, new: &Loaded) -> bool {
        let comes_or_goes = change.before.is_none() || change.now.is_none();
        if change.key.starts_with("listener.") && comes_or_goes {
            return true;
        }
        if change.key.starts_with("admin.tokens.") {
            return self.parts.admin.is_some() && new.config.admin.enabled;
        }
        let Some(upstream) = change.key.strip_prefix("upstream.") else {
            return Config::takes_hold(&change.key);
        };
        let name = upstream.split('.').next().unwrap_or_default();
        let (old, new) = (self.loaded.config.upstream.get(name), new.config.upstream.get(name));
        let (Some(old), Some(new)) = (old, new) else { return false };
        let is_address = upstream.ends_with(".address");
        old.mode == new.mode
            && (Config::takes_hold(&change.key) || is_address && new.mode == Mode::Dial)
    }

    /// A listener that runs stays where it is.
    fn keep_addresses(&self, new: &mut Loaded) {
        for (name, settings) in &mut new.config.listener {
            if let Some(running) = self.loaded.config.listener.get(name) {
                settings.address.clone_from(&running.address);
                settings.backlog = running.backlog;
            }
        }
        let running = &self.loaded.config.upstream;
        new.config.upstream.retain(|name, _| running.contains_key(name));
        for (name, old) in running {
            let settings = new.config.upstream.entry(name.clone()).or_insert_with(|| old.clone());
            if settings.mode != old.mode {
                settings.clone_from(old);
            }
            if settings.mode == Mode::Accept {
                settings.address.clone_from(&old.address);
            }
            settings.listener.clone_from(&old.listener);
            (settings.start, settings.when_behind) = (old.start, old.when_behind);
            settings.max_lag = old.max_lag;
        }
    }

    fn plan(&self, new: &Loaded) -> Result<Plan, StartFault> {
        let running = &self.loaded.config.listener;
        let mut plan = Plan::default();
        for (name, settings) in &new.config.listener {
            if !running.contains_key(name) {
                plan.added.push(bind_listener(new, name, settings, &self.parts.codes, false)?);
                continue;
            }
            let profile = profile(new, name, settings, &self.parts.codes)?;
            plan.changed.push((name.clone(), profile, most(settings.max_connections)));
        }
        let is_gone = |name: &&String| !new.config.listener.contains_key(*name);
        plan.removed = running.keys().filter(is_gone).cloned().collect();
        let is_another = |(name, settings): &(&String, &UpstreamSettings)| {
            self.loaded.config.upstream.get(*name) != Some(settings)
        };
        let upstreams = new.config.upstream.iter().filter(is_another);
        plan.reconnected =
            upstreams.map(|(name, settings)| (name.clone(), settings.clone())).collect();
        let admin = self.parts.admin.as_ref().filter(|_| new.config.admin.enabled);
        plan.tokens = admin.map(|admin| admin.tokens(&new.config.admin)).transpose()?;
        Ok(plan)
    }

    /// Answers the names of tokens whose secret is another.
    fn carry_out(&mut self, plan: Plan, new: &Loaded) -> Vec<String> {
        for (name, profile, max_connections) in plan.changed {
            let listener = self.parts.listeners.iter().find(|running| running.name == name);
            if let Some(listener) = listener {
                listener.server.do_send(Reconfigure { profile, max_connections });
            }
        }
        self.parts.listeners.retain(|running| {
            let stays = !plan.removed.contains(&running.name);
            if !stays {
                running.close();
            }
            stays
        });
        for bound in plan.added {
            let web_servers =
                web_servers_at(&bound.name, &self.loaded.config, &self.parts.upstreams);
            self.parts.listeners.push(self.parts.ground.start(bound, web_servers));
        }
        for (name, settings) in plan.reconnected {
            let upstream = self.parts.upstreams.iter().find(|running| running.name == name);
            if let Some(upstream) = upstream {
                upstream.forwarder.do_send(Reconnect(Box::new(settings)));
            }
        }
        self.drain.spread = new.config.drain.spread.get();
        self.flush = new.config.drain.flush.get();
        let farewells = new.config.listener.values().map(|listener| listener.farewell.get());
        self.farewell = self.farewell.max(farewells.max().unwrap_or_default());
        let admin = self.parts.admin.as_ref().zip(plan.tokens);
        admin.map(|(admin, tokens)| admin.let_in(tokens)).unwrap_or_default()
    }

    /// What needs a restart stays as it was, so that the next reload tells of it again.
    fn remember(&mut self, new: Loaded) {
        let Loaded { config, folders, .. } = new;
        self.loaded.texts = Loaded::texts_of(&config, &folders);
        self.loaded.config.listener = config.listener;
        self.loaded.config.upstream = config.upstream;
        self.loaded.config.poll = config.poll;
        if self.parts.admin.is_some() && config.admin.enabled {
            self.loaded.config.admin.tokens = config.admin.tokens;
        }
        self.loaded.config.drain = config.drain;
        self.loaded.config.log.level = config.log.level;
        self.loaded.config.log.modules = config.log.modules;
        self.loaded.folders = folders;
    }
}

/// That a token's file holds another secret.
fn rotated(name: &str) -> Change {
    Change {
        key: format!("admin.tokens.{name}"),
        before: Some("read before".into()),
        now: Some("read anew".into()),
    }
}
