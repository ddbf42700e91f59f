use std::{fmt, io, sync::Arc};

use rustix::io::Errno;

/// What a file system is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`super::File::read_at`].
    Read,
    /// [`super::File::write_at`].
    Write,
    /// [`super::File::allocate`].
    Allocate,
    /// [`super::File::truncate`].
    Truncate,
    /// [`super::File::sync`].
    Sync,
    /// [`super::Files::open`].
    Open,
    /// [`super::Files::create`].
    Create,
    /// [`super::Files::rename`]; the name is the old one.
    Rename,
    /// [`super::Files::remove`].
    Remove,
    /// [`super::Files::sync_names`]; the name is empty.
    SyncNames,
}

impl Operation {
    /// Whether it could change something.
    pub(super) fn is_step(self) -> bool {
        !matches!(self, Self::Read | Self::Open)
    }
}

type Which = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Failures that were ordered.
#[derive(Clone, Default)]
pub(super) struct Faults {
    ordered: Vec<Fault>,
}

#[derive(Clone)]
struct Fault {
    operation: Operation,
    times: u64,
    which: Which,
}

impl Faults {
    pub fn order(&mut self, operation: Operation, times: u64, which: Which) {
        self.ordered.push(Fault { operation, times, which });
    }

    /// An error, if one is due for this; that uses one up.
    pub fn meet(&mut self, operation: Operation, name: &str) -> io::Result<()> {
        let is_due = |fault: &&mut Fault| {
            fault.operation == operation && fault.times > 0 && (fault.which)(name)
        };
        let Some(fault) = self.ordered.iter_mut().find(is_due) else { return Ok(()) };
        fault.times -= 1;
        Err(Errno::IO.into())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ordered = self.ordered.iter().map(|fault| (fault.operation, fault.times));
        into.debug_list().entries(ordered).finish()
    }
}
