//! One device that says a great deal, as fast as it is let.

use tetherd::simulator::RunningHash;
use tokio::{io::AsyncWriteExt, sync::mpsc, task::JoinHandle};

use crate::harness::Dtu;

/// Bytes of a write.
pub const PIECE: usize = 8 << 10;

/// A device that writes what it is asked for, one piece behind the other.
pub struct Flow {
    more: mpsc::UnboundedSender<usize>,
    task: JoinHandle<RunningHash>,
}

impl Flow {
    /// Over this connection; nothing so far.
    pub fn over(device: Dtu) -> Self {
        let (more, asked) = mpsc::unbounded_channel();
        Self { more, task: tokio::spawn(flow(device, asked)) }
    }

    /// Begins to write so many pieces more.
    pub fn write(&self, pieces: usize) {
        self.more.send(pieces).unwrap();
    }

    /// Writes the rest, leaves in order, and answers the hash of everything.
    pub async fn end(self) -> RunningHash {
        drop(self.more);
        self.task.await.unwrap()
    }
}

async fn flow(mut device: Dtu, mut asked: mpsc::UnboundedReceiver<usize>) -> RunningHash {
    let mut hash = RunningHash::default();
    let mut number = 0_u64;
    while let Some(pieces) = asked.recv().await {
        for _ in 0..pieces {
            let piece: Vec<u8> =
                (0..PIECE as u64 / 8).flat_map(|at| (number + at).to_be_bytes()).collect();
            number += PIECE as u64 / 8;
            // No limit: it is written when the gateway reads again, unless that is killed.
            if device.stream.write_all(&piece).await.is_err() {
                return hash;
            }
            hash.add(&piece);
        }
    }
    device.finish().await;
    hash
}
