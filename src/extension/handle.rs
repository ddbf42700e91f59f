use std::{fmt, sync::Arc};

use actix::Recipient;
use bytes::Bytes;

use crate::{
    messages::{Instruct, Instruction, Refused},
    model::{CloseReason, SessionId},
};

/// A way to one session. It may outlive the session; then every call answers [`Refused::Gone`].
#[derive(Clone)]
pub struct SessionHandle {
    host: Arc<Recipient<Instruct>>,
    slot: u32,
    session: SessionId,
}

impl SessionHandle {
    /// A handle on the session in `slot` of the thread behind `host`.
    pub fn new(host: Arc<Recipient<Instruct>>, slot: u32, session: SessionId) -> Self {
        Self { host, slot, session }
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.session
    }

    /// Queues `bytes` for the device. A device that does not read them, so that the queue
    /// passes `outbound_limit`, ends as `slow_reader`.
    pub async fn write(&self, bytes: impl Into<Bytes>) -> Result<(), Refused> {
        self.instruct(Instruction::Write(bytes.into())).await
    }

    /// Queues `bytes` if there is room for all of them, else answers [`Refused::Full`]; then
    /// observers hear [`super::Happened::Writable`] once everything queued is written.
    pub async fn try_write(&self, bytes: impl Into<Bytes>) -> Result<(), Refused> {
        self.instruct(Instruction::TryWrite(bytes.into())).await
    }

    /// Writes `last` and what is queued, then ends the session as `kicked`.
    pub async fn end(&self, last: impl Into<Bytes>) -> Result<(), Refused> {
        self.write(last).await?;
        self.close().await
    }

    /// Writes what is queued, then ends the session as `kicked`.
    pub async fn close(&self) -> Result<(), Refused> {
        self.instruct(Instruction::Close(CloseReason::Kicked)).await
    }

    /// Tells the device that nothing more will come (FIN), and goes on reading.
    pub async fn finish(&self) -> Result<(), Refused> {
        self.instruct(Instruction::Finish).await
    }

    /// Ends the session at once, with a reset, as `kicked`.
    pub async fn reset(&self) -> Result<(), Refused> {
        self.instruct(Instruction::Reset).await
    }

    async fn instruct(&self, what: Instruction) -> Result<(), Refused> {
        let instruct = Instruct { slot: self.slot, session: self.session, what };
        self.host.send(instruct).await.unwrap_or(Err(Refused::Gone))
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHandle({})", self.session)
    }
}
