use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{DeviceArgs, DeviceFault, End};
use crate::{
    simulator::{
        Ending, FirstMessage, Fleet, Naming, Pace, Payload, Reconnect, Script, Speech, Target,
        etung, local_sources,
    },
    units::Span,
};

impl DeviceArgs {
    pub(super) fn script(&self) -> Script {
        let mut script = Script::new(self.address.clone());
        script.payload = self.payload();
        script.every = self.every.get();
        script.jitter = self.jitter.get();
        script.messages = if self.once { Some(1) } else { self.messages };
        // One that plays a protocol knows when it has its answer.
        let knows = self.protocol.is_some();
        script.stay = self.stay || self.once && !knows;
        script.idle = self.idle.and_then(Span::non_zero);
        script.last_words = self.last_words.clone();
        script.answer = self.answer.as_deref().map(Into::into);
        script.once = self.once && !knows;
        script.reconnect = self.reconnect.then(Reconnect::default);
        script.ending = match self.end {
            End::Finish if self.once && knows => Ending::Destroy,
            End::Finish => Ending::Finish,
            End::HalfClose => Ending::HalfClose,
            End::Destroy => Ending::Destroy,
            End::Reset => Ending::Reset,
        };
        script.pace = match (self.slow, self.pieces) {
            (Some(pause), _) => Pace::Slow(pause.get()),
            (None, true) => Pace::Pieces(Duration::from_millis(20)),
            (None, false) => Pace::Whole,
        };
        script
    }

    fn payload(&self) -> Payload {
        let other_voice = self.silent || self.interactive || self.answer.is_some();
        match &self.data {
            Some(data) => data.clone(),
            None if other_voice => Payload::Nothing,
            None => Payload::Counter("message".to_owned()),
        }
    }

    pub(super) fn registration(&self) -> Option<Bytes> {
        let etung = || etung(&self.name(None), &self.terminator);
        (!self.no_register && self.protocol.is_none())
            .then(|| self.register.clone().unwrap_or_else(etung))
    }

    /// The name that is asked for, or that there is without being asked for.
    pub(super) fn name(&self, speech: Option<&Speech>) -> String {
        let usual = || speech.and_then(Speech::first_name).map(str::to_owned);
        self.name.clone().or_else(usual).unwrap_or_else(|| Naming::FIRST.to_string())
    }

    pub(super) fn fleet(&self, speech: Option<&Arc<Speech>>) -> Result<Fleet, DeviceFault> {
        let name = self.name(speech.map(Arc::as_ref));
        let number = || name.parse().map_err(|_| DeviceFault::Name(name.clone()));
        let mut fleet = Fleet::new(self.script(), self.count);
        fleet.script.first = FirstMessage::Spread;
        fleet.naming = match (self.no_register, &self.register) {
            _ if speech.is_some() => Naming::Numbers { first: number()?, digits: name.len() },
            (true, _) => Naming::Nameless,
            (false, Some(bytes)) => Naming::Same(bytes.clone()),
            (false, None) => {
                Naming::Etung { first: number()?, terminator: self.terminator.clone() }
            }
        };
        fleet.speech = speech.cloned();
        fleet.sources = self.sources();
        fleet.rate = self.rate;
        fleet.seed = self.seed;
        Ok(fleet)
    }

    /// As many addresses as the fleet needs, where the gateway is on this machine.
    fn sources(&self) -> Vec<IpAddr> {
        let Target::Tcp { host, .. } = &self.address else { return Vec::new() };
        let local = host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback());
        if self.source.is_empty() && local {
            return local_sources(self.count);
        }
        self.source.clone()
    }
}
