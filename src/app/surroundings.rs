use std::{rc::Rc, sync::Arc};

use crate::{
    link::{ByAddress, Dial},
    protocol::Codes,
    spool::Spool,
};

/// What a gateway takes from the machine, unless it is given something else.
pub(super) struct Surroundings {
    /// Where events wait; none: in the spool that the configuration asks for.
    pub spool: Option<Arc<dyn Spool>>,
    /// How web servers are reached.
    pub dial: Rc<dyn Dial>,
    /// Addresses are left alone: connections come by message.
    pub unbound: bool,
    /// Protocols in code.
    pub codes: Codes,
    /// Everything random is drawn from it.
    pub seed: u64,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            spool: None,
            dial: Rc::new(ByAddress),
            unbound: false,
            codes: Codes::default(),
            seed: rand::random(),
        }
    }
}
