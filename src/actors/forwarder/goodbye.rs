use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use super::{courier::Courier, serving::Serving};
use crate::link::{Format, LinkFault};

/// How long a web server may take for the end of the last line, and for its own good-bye.
const GOODBYE: Duration = Duration::from_millis(500);

impl Courier {
    /// Ends a link in order: the line that is on its way goes out whole, then FIN, and then the web
    /// server has a moment for its last acknowledgements and for its own FIN, so that it sees an
    /// end and no reset. What does not fit into [`GOODBYE`] is left.
    pub(super) async fn say_goodbye(&mut self, serving: &mut Serving) {
        let length = self.rest_of_line(serving);
        serving.out.truncate(length);
        let goodbye = async {
            let mut is_finished = false;
            loop {
                let waiting = serving.out.len();
                let moved = poll_fn(|task| exchange_or_finish(serving, task, &mut is_finished));
                let moved = moved.await;
                serving.written += (waiting - serving.out.len()) as u64;
                self.take_in(serving).await;
                if is_finished {
                    serving.out.clear();
                }
                self.look_at_transport(serving);
                if moved.is_err() {
                    return;
                }
            }
        };
        // A web server that does not end its side has had its time.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.look_at_transport(serving);
    }

    /// How many of the bytes that wait for the socket belong to the line that may be half written.
    fn rest_of_line(&self, serving: &Serving) -> usize {
        let out = &serving.out;
        let end = match self.parts.settings.format {
            Format::JsonLines | Format::JsonArray => memchr::memchr(b'\n', out).map(|end| end + 1),
            // Nothing stands between two objects, but none is forgotten before it is out.
            Format::Node => {
                let end = self.delivery.end_from(serving.written);
                end.map(|end| (end - serving.written) as usize)
            }
        };
        end.unwrap_or_default().min(out.len())
    }
}

/// Moves bytes, and says FIN as soon as there are none left to send.
fn exchange_or_finish(
    serving: &mut Serving,
    task: &mut Context<'_>,
    is_finished: &mut bool,
) -> Poll<Result<(), LinkFault>> {
    let Serving { link, out, inbox, .. } = serving;
    if out.is_empty() && !*is_finished {
        match link.poll_finish(task) {
            Poll::Ready(Ok(())) => *is_finished = true,
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            Poll::Pending => {}
        }
    }
    link.poll_exchange(task, out, inbox).map_ok(drop)
}
