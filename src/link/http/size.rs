/// How much one request may hold: it grows while the web server takes everything, and shrinks where
/// it refuses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    most: (usize, usize),
    /// Most events of the next request.
    pub(super) events: usize,
    /// Most bytes of the next request; a single event above it still goes, alone.
    pub(super) bytes: usize,
}

impl Size {
    /// Begins with one event.
    pub(super) fn new(most_events: usize, most_bytes: usize) -> Self {
        Self { most: (most_events.max(1), most_bytes), events: 1, bytes: most_bytes }
    }

    /// Bytes of the largest request.
    pub(super) fn most_bytes(&self) -> usize {
        self.most.1
    }

    /// A request was taken.
    pub(super) fn grow(&mut self) {
        self.events = (self.events * 2).min(self.most.0);
    }

    /// A request of so many events was refused for one of them.
    pub(super) fn halve(&mut self, events: usize) {
        self.events = (events / 2).max(1);
    }

    /// A request of so many bytes was refused for its size: the web server's bound is below that,
    /// and stays there.
    pub(super) fn fit(&mut self, bytes: usize) {
        self.bytes = (bytes / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_bound_and_halves_down_to_one() {
        let mut size = Size::new(5, 100);
        let grown = [1, 2, 4, 5, 5].map(|expected| {
            let events = size.events;
            size.grow();
            events == expected
        });
        assert_eq!(grown, [true; 5]);
        size.halve(5);
        assert_eq!(size.events, 2);
        size.halve(1);
        assert_eq!((size.events, size.bytes), (1, 100));
    }

    #[test]
    fn a_web_servers_own_bound_in_bytes_is_kept_to() {
        let mut size = Size::new(1000, 4000);
        size.fit(3000);
        size.grow();
        assert_eq!((size.bytes, size.events, size.most_bytes()), (1500, 2, 4000));
    }
}
