use std::sync::Arc;

use super::{
    Gateway, StartFault,
    admin::show_ends,
    binding::{Bound, ask_about, bind_listener, most},
    listening::web_servers_at,
    profile::profile,
};
use crate::{
    config::{Change, Config, Loaded, changes},
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
struct Plan {
    added: Vec<Bound>,
    changed: Vec<(String, Arc<ListenerProfile>, u32)>,
    removed: Vec<String>,
}

impl Gateway {
    /// Takes another configuration over: all of it that can be changed while it runs, or nothing if
    /// any of that fails. No device is dropped: a listener that is gone accepts nobody any more, and
    /// who was let in stays.
    ///
    /// # Errors
    /// What stands in the way; everything is as before then.
    pub async fn reload(&mut self, mut new: Loaded) -> Result<Reloaded, StartFault> {
        let (applied, needs_restart) =
            changes(&self.loaded, &new).into_iter().partition(|change| self.takes_hold(change));
        self.keep_addresses(&mut new);
        let plan = self.plan(&new)?;
        ask_about(&plan.added, &self.parts.extensions).await?;
        self.carry_out(plan, &new);
        self.remember(new);
        show_ends(&self.loaded.config, &self.parts);
        Ok(Reloaded { applied, needs_restart })
    }

    /// Whole listeners may come and go.
    fn takes_hold(&self, change: &Change) -> bool {
        let comes_or_goes = change.before.is_none() || change.now.is_none();
        let is_listener = change.key.starts_with("listener.");
        Config::takes_hold(&change.key) || (is_listener && comes_or_goes)
    }

    /// A listener that runs stays where it is.
    fn keep_addresses(&self, new: &mut Loaded) {
        for (name, settings) in &mut new.config.listener {
            if let Some(running) = self.loaded.config.listener.get(name) {
                settings.address.clone_from(&running.address);
                settings.backlog = running.backlog;
            }
        }
    }

    fn plan(&self, new: &Loaded) -> Result<Plan, StartFault> {
        let running = &self.loaded.config.listener;
        let mut plan = Plan { added: Vec::new(), changed: Vec::new(), removed: Vec::new() };
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
        Ok(plan)
    }

    fn carry_out(&mut self, plan: Plan, new: &Loaded) {
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
        self.drain.spread = new.config.drain.spread.get();
        self.flush = new.config.drain.flush.get();
        let farewells = new.config.listener.values().map(|listener| listener.farewell.get());
        self.farewell = self.farewell.max(farewells.max().unwrap_or_default());
    }

    /// What needs a restart stays as it was, so that the next reload tells of it again.
    fn remember(&mut self, new: Loaded) {
        let Loaded { config, folders, .. } = new;
        self.loaded.texts = Loaded::texts_of(&config, &folders);
        self.loaded.config.listener = config.listener;
        self.loaded.config.poll = config.poll;
        self.loaded.config.drain = config.drain;
        self.loaded.config.log.level = config.log.level;
        self.loaded.config.log.modules = config.log.modules;
        self.loaded.folders = folders;
    }
}
